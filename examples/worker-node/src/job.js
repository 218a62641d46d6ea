// A job, as its handler sees it.

import { Writable } from 'node:stream';

import { Credit } from './credit.js';
import { Cancelled } from './errors.js';
import { CANCEL_REASON, DEADLINE_KIND, nameOf } from './layouts.js';
import { normal } from './wire.js';

/** @typedef {import('./wire.js').U64} U64 */
/** @typedef {import('./negotiate.js').Limits} Limits */
/**
 * What a job needs of its session.
 * @typedef {object} Link
 * @property {Limits} limits
 * @property {(name: string, fields: import('./messages.js').Fields, data?: Uint8Array) => void} send
 * @property {(bytes: number, signal: AbortSignal) => Promise<void>} reserve waits until so much data may be sent
 * @property {(method: string, data: Uint8Array, signal: AbortSignal) => Promise<Buffer>} call
 * @property {(reason: string) => void} retire
 */

// The type, the job number, and in JobFinished two bytes more.
const OVERHEAD = 2 + 9 + 2;
const LEAST_COST = 64;
const SPLIT = 65_536;

/** @param {unknown} data @returns {Uint8Array} */
export function toBytes(data) {
  if (data === undefined) return Buffer.alloc(0);
  if (typeof data === 'string') return Buffer.from(data, 'utf8');
  if (data instanceof Uint8Array) return data;
  throw new TypeError(`expected bytes, a string or nothing, not ${data === null ? 'null' : typeof data}`);
}

/** A whole number of milliseconds. @param {U64} ms @returns {U64} */
export function milliseconds(ms) {
  if (!(ms >= 0 && ms < 2 ** 64)) throw new RangeError(`${ms} is no time in milliseconds`);
  return normal(BigInt(typeof ms === 'bigint' ? ms : Math.ceil(ms)));
}

/** The metadata: pairs in the order of the host, with a look-up. @extends {Array<[string, string]>} */
export class Metadata extends Array {
  // Without it map and filter would make another Metadata.
  static get [Symbol.species]() {
    return Array;
  }

  /** The first value of a key. @param {string} key */
  get(key) {
    return this.find(([name]) => name === key)?.[1];
  }
}

export class Job {
  #link;
  #number;
  #window;
  #cancel = new AbortController();
  #leaving = new AbortController();
  #outputs = Promise.resolve();
  #ended = false;

  /** @param {import('./messages.js').Message} message @param {Link} link */
  constructor({ fields, data }, link) {
    this.#link = link;
    this.#number = /** @type {U64} */ (fields.job);
    this.#window = new Credit(link.limits.output_window + fields.window);
    this.id = /** @type {string} */ (fields.id);
    this.name = /** @type {string} */ (fields.name);
    this.attempt = /** @type {number} */ (fields.attempt);
    this.traceparent = /** @type {string} */ (fields.traceparent);
    this.deadlineMs = /** @type {U64} */ (fields.deadline_ms);
    this.metadata = new Metadata();
    for (const { key, value } of fields.metadata) this.metadata.push([key, value]);
    this.input = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }

  get signal() {
    return this.#cancel.signal;
  }

  get leaving() {
    return this.#leaving.signal;
  }

  /** @param {string | Uint8Array} data */
  output(data) {
    this.#mustRun();
    const bytes = toBytes(data);
    // One after the other, so that the pieces of two outputs do not mix.
    const sent = this.#outputs.then(() => this.#sendAll(bytes));
    this.#outputs = sent.catch(() => {});
    return sent;
  }

  writable() {
    return new Writable({
      write: (chunk, _encoding, done) => void this.output(chunk).then(() => done(), done),
    });
  }

  /** @param {string} method @param {string | Uint8Array} [data] */
  async call(method, data) {
    this.#mustRun();
    return this.#link.call(method, toBytes(data), this.signal);
  }

  /** @param {U64} ms */
  extendDeadline(ms) {
    this.#mustRun();
    const fields = { which: DEADLINE_KIND.job, job: this.#number, extra_ms: milliseconds(ms) };
    this.#link.send('ExtendDeadline', fields);
  }

  /** @param {string} [reason] */
  retire(reason = '') {
    this.#link.retire(reason);
  }

  /** Whether the data fits in a `JobFinished`. @param {Uint8Array} data */
  fitsInEnd(data) {
    return data.length <= this.#mostData;
  }

  /** The host allows more output. @param {number} bytes */
  widen(bytes) {
    this.#window.give(bytes);
  }

  /** @param {number} reason */
  cancel(reason) {
    this.#cancel.abort(new Cancelled(nameOf(CANCEL_REASON, reason)));
  }

  /** Nobody is there to take its output. */
  hostGone() {
    this.#cancel.abort(new Cancelled('host gone'));
  }

  /** @param {{ reason: string, graceMs: number }} notice */
  leave(notice) {
    this.#leaving.abort(notice);
  }

  /** Waits for output that the handler did not wait for; then nothing more may come. */
  async end() {
    await this.#outputs;
    this.#ended = true;
  }

  get #mostData() {
    return this.#link.limits.max_frame - OVERHEAD;
  }

  /** @param {Uint8Array} bytes */
  async #sendAll(bytes) {
    const { output_window } = this.#link.limits;
    const whole = Math.min(this.#mostData, output_window);
    if (bytes.length <= whole) return this.#sendPiece(bytes);
    // At most half a window: a host may be slow to give back the rest of it.
    const piece = Math.min(SPLIT, this.#mostData, output_window >> 1);
    for (let at = 0; at < bytes.length; at += piece) await this.#sendPiece(bytes.subarray(at, at + piece));
  }

  /** @param {Uint8Array} piece */
  async #sendPiece(piece) {
    await this.#window.take(Math.max(LEAST_COST, piece.length), this.signal);
    await this.#link.reserve(piece.length, this.signal);
    this.#link.send('JobOutput', { job: this.#number }, piece);
  }

  #mustRun() {
    if (this.#ended) throw new Error('the job has ended');
  }
}
