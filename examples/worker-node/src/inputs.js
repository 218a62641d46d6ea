// Jobs whose input has not wholly come. A handler gets its job with the whole input.

/** @typedef {import('./wire.js').U64} U64 */
/** @typedef {import('./messages.js').Message} Message */

/** Bytes that are added at the end, in a memory that doubles: many small pieces cost no more than few large ones. */
class Growing {
  /** @type {Uint8Array} */
  #bytes = new Uint8Array(0);
  #length = 0;

  /** @param {Uint8Array} piece */
  add(piece) {
    const length = this.#length + piece.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }

  done() {
    return this.#bytes.subarray(0, this.#length);
  }
}

export class Inputs {
  /** @type {Map<U64, { start: Message, input: Growing, window: number }>} */
  #open = new Map();

  /** Takes a `StartJob` or a `JobInput`, and gives the job back when its input is whole. @param {Message} message */
  take(message) {
    const { name, fields, data } = message;
    if (name === 'StartJob') {
      // The usual case: everything in one message, nothing to copy.
      if (fields.last) return { ...message, fields: { ...fields, window: 0 } };
      this.#open.set(fields.job, { start: message, input: new Growing(), window: 0 });
    }
    const job = this.#open.get(fields.job);
    if (job === undefined) return undefined;
    job.input.add(data);
    if (!fields.last) return undefined;
    this.#open.delete(fields.job);
    return { ...job.start, fields: { ...job.start.fields, window: job.window }, data: job.input.done() };
  }

  /** Adds to the window of a job that is still here; false if it is not. @param {U64} number @param {number} bytes */
  widen(number, bytes) {
    const job = this.#open.get(number);
    if (job) job.window += bytes;
    return job !== undefined;
  }

  /** Forgets a job; false if it is not here. @param {U64} number */
  drop(number) {
    return this.#open.delete(number);
  }

  /** Forgets all and says which. */
  dropAll() {
    const numbers = [...this.#open.keys()];
    this.#open.clear();
    return numbers;
  }
}
