// What the host may do when. It judges each message of the host and is told each one of the worker.

import { Numbers } from './numbers.js';
import { Violation } from './violation.js';

/** @typedef {import('./wire.js').U64} U64 */
/** @typedef {import('./messages.js').Message} Message */

const UNBOUND = { slots: 0, maxPayload: /** @type {U64} */ (0), stackDump: false };

export class Conduct {
  /** @type {'before' | 'preparing' | 'ready'} */
  #phase = 'before';
  #leaving = false;
  #agreed = UNBOUND;
  #used = new Numbers();
  /** The jobs that run, with the input that has come. @type {Map<U64, { bytes: number, whole: boolean }>} */
  #jobs = new Map();
  /** @type {Set<U64>} */
  #openCalls = new Set();

  /** How many jobs run. */
  get jobs() {
    return this.#jobs.size;
  }

  /** @param {U64} job */
  runs(job) {
    return this.#jobs.has(job);
  }

  /** `InitializeResponse` goes out. @param {{ slots: number, maxPayload: U64, stackDump: boolean }} agreed */
  ready(agreed) {
    this.#phase = 'ready';
    this.#agreed = agreed;
  }

  /** A message of the worker goes out. @param {string} name @param {import('./messages.js').Fields} fields */
  sent(name, fields) {
    if (name === 'JobFinished') this.#jobs.delete(fields.job);
    if (name === 'CallRequest') this.#openCalls.add(fields.call);
  }

  /** Throws a {@link Violation} if the host may not send this now. @param {Message} message */
  judge({ name, fields, data }) {
    this.#judgeOrder(name);
    switch (name) {
      case 'Shutdown':
        this.#leaving = true;
        return;
      case 'StartJob':
        return this.#startJob(fields, data);
      case 'JobInput':
        return this.#input(fields, data);
      case 'CallResponse':
        if (!this.#openCalls.delete(fields.call)) {
          throw new Violation('GR-5.6-2', 'Call', `no call ${fields.call} is open`);
        }
        return;
      case 'DumpStacks':
        if (!this.#agreed.stackDump) throw new Violation('GR-5.9-1', 'DumpStacks', 'stack dumps were not agreed on');
        return;
    }
  }

  /** @param {string} name */
  #judgeOrder(name) {
    const first = this.#phase === 'before';
    if (first !== (name === 'InitializeRequest')) {
      throw new Violation('GR-4.1-2', 'Order', first ? `${name} came first` : 'InitializeRequest came again');
    }
    if (first) this.#phase = 'preparing';
    else if (this.#phase === 'preparing' && name !== 'Shutdown') {
      throw new Violation('GR-4.1-3', 'Order', `${name} came before InitializeResponse was sent`);
    }
  }

  /** @param {import('./messages.js').Fields} fields @param {Uint8Array} data */
  #startJob(fields, data) {
    const { job, last } = fields;
    if (this.#leaving) throw new Violation('GR-5.3-3', 'Job', `job ${job} was started after Shutdown`);
    if (!this.#used.add(job)) throw new Violation('GR-5.4-7', 'Job', `the job number ${job} was used before`);
    if (this.#jobs.size >= this.#agreed.slots) {
      throw new Violation('GR-5.4-6', 'Job', `job ${job} is one more than the ${this.#agreed.slots} slots`);
    }
    const input = { bytes: 0, whole: false };
    this.#jobs.set(job, input);
    this.#add(input, data.length, last);
  }

  /** @param {import('./messages.js').Fields} fields @param {Uint8Array} data */
  #input({ job, last }, data) {
    const input = this.#jobs.get(job);
    // It can cross the end of its job (GR-5.4-10).
    if (input === undefined) return;
    if (input.whole) throw new Violation('GR-5.4-8', 'Input', `input for job ${job} came after its last piece`);
    this.#add(input, data.length, last);
  }

  /** @param {{ bytes: number, whole: boolean }} input @param {number} bytes @param {boolean} last */
  #add(input, bytes, last) {
    input.bytes += bytes;
    input.whole = last;
    if (input.bytes > this.#agreed.maxPayload) {
      throw new Violation('GR-5.4-9', 'Input', `a job's input is over ${this.#agreed.maxPayload} bytes`);
    }
  }
}
