// Questions to the host (section 5.6).

import { Credit } from './credit.js';
import { CallRefused } from './errors.js';

const MOST_OPEN = 1024;
const LONGEST_METHOD = 4096;

/** @typedef {{ method: string, answer: (data: Buffer) => void, refuse: (error: CallRefused) => void }} Open */

export class Calls {
  #last = 0;
  #turns = new Credit(MOST_OPEN);
  /** @type {Map<number, Open>} */
  #open = new Map();

  /**
   * @param {string} method
   * @param {AbortSignal} signal gives up waiting for the answer
   * @param {{ reserve: () => Promise<void>, send: (call: number) => void }} way waits for room, and sends
   * @returns {Promise<Buffer>}
   */
  async make(method, signal, { reserve, send }) {
    if (Buffer.byteLength(method) > LONGEST_METHOD) throw new RangeError(`the method has over ${LONGEST_METHOD} bytes`);
    signal.throwIfAborted();
    await this.#turns.take(1, signal);
    try {
      await reserve();
    } catch (error) {
      this.#turns.give(1);
      throw error;
    }
    // Numbered as it is sent: on the wire each number is greater than the one before.
    const call = (this.#last += 1);
    /** @type {() => void} */
    let stop = () => {};
    /** @type {Promise<Buffer>} */
    const answer = new Promise((resolve, reject) => {
      this.#open.set(call, { method, answer: resolve, refuse: reject });
      stop = () => reject(signal.reason);
    });
    signal.addEventListener('abort', stop, { once: true });
    send(call);
    return answer.finally(() => signal.removeEventListener('abort', stop));
  }

  /** The answer may come after its job has ended; then nobody waits for it. @param {import('./messages.js').Message} message */
  answered({ fields, data }) {
    const open = this.#open.get(fields.call);
    if (open === undefined) return;
    this.#open.delete(fields.call);
    this.#turns.give(1);
    if (fields.error === null) open.answer(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    else open.refuse(new CallRefused(open.method, fields.error));
  }
}
