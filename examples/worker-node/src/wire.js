// Values and their bytes (section 3.2 of the specification): a reader and a writer of primitives.
//
// A u64 is a `number` where that is exact and a `bigint` above 2^53-1, and never the other way
// round: so equal values are `===`, and may be keys of a Map.

import { Violation, malformed } from './violation.js';

/** @typedef {number | bigint} U64 */

/** @param {bigint} value @returns {U64} */
export const normal = (value) =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : value;

// A byte order mark is text like any other here: it must survive.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const WIDTH = { u16: 2, u32: 4, u64: 8 };

/** @typedef {keyof typeof WIDTH} Integer */

export class Reader {
  #view;
  #at = 0;
  /** @type {string | undefined} */
  #longer;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position() {
    return this.#at;
  }

  get left() {
    return this.#view.length - this.#at;
  }

  /** @param {number} count @param {string} what */
  take(count, what) {
    if (count > this.left) throw malformed(`${what} needs ${count} bytes, ${this.left} are left`);
    this.#at += count;
    return this.#view.subarray(this.#at - count, this.#at);
  }

  /** @param {string} what */
  u8(what) {
    return this.take(1, what)[0] ?? 0;
  }

  /** @param {Integer} type @param {string} what @returns {U64} */
  integer(type, what) {
    const first = this.u8(what);
    if (first <= 0xfa) return first;
    const bytes = first <= 0xfd ? 2 << (first - 0xfb) : Infinity;
    if (bytes > WIDTH[type]) throw malformed(`${what}: the marker 0x${first.toString(16)} is too wide for a ${type}`);
    const raw = this.take(bytes, what);
    const value = bytes === 8 ? normal(raw.readBigUInt64LE()) : raw.readUIntLE(0, bytes);
    if (value <= (bytes === 2 ? 0xfa : 2 ** (4 * bytes) - 1)) this.#longer ??= `${what} is longer than need be`;
    return value;
  }

  /** @param {string} what */
  i64(what) {
    const zigzag = BigInt(this.integer('u64', what));
    return normal(zigzag & 1n ? -(zigzag >> 1n) - 1n : zigzag >> 1n);
  }

  /** @param {string} what */
  bool(what) {
    const byte = this.u8(what);
    if (byte > 1) throw malformed(`${what} must be 0 or 1, not ${byte}`);
    return byte === 1;
  }

  /** @param {string} what */
  bytes(what) {
    // Compared before anything is allocated: whatever the length claims, the body holds no more.
    return this.take(Number(this.integer('u64', what)), what);
  }

  /** @param {string} what */
  string(what) {
    const raw = this.bytes(what);
    try {
      return utf8.decode(raw);
    } catch {
      throw malformed(`${what} is not UTF-8`);
    }
  }

  /** @param {string} what */
  count(what) {
    const count = Number(this.integer('u64', what));
    // Every item has at least one byte.
    if (count > this.left) throw malformed(`${what} claims ${count} items, ${this.left} bytes are left`);
    return count;
  }

  /** To be asked when all is read: a malformed body is called malformed, whatever else it is. */
  mustBeCanonical() {
    if (this.#longer !== undefined) throw new Violation('GR-3.1-3', 'NotCanonical', this.#longer);
  }
}

export class Writer {
  #bytes = Buffer.allocUnsafeSlow(256);
  #length = 0;

  /** @param {number} count @returns {number} where they begin */
  #grow(count) {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#length, 2 * this.#bytes.length));
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    return at;
  }

  /** @param {number} value */
  u8(value) {
    const at = this.#grow(1);
    this.#bytes.writeUInt8(value, at);
  }

  /** @param {Integer} type @param {U64} value */
  integer(type, value) {
    if (value < 0 || BigInt(value) >> BigInt(8 * WIDTH[type]) !== 0n) {
      throw new RangeError(`${value} is no ${type}`);
    }
    if (value <= 0xfa) return this.u8(Number(value));
    const bytes = value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
    this.u8({ 2: 0xfb, 4: 0xfc, 8: 0xfd }[bytes]);
    const at = this.#grow(bytes);
    if (bytes === 8) this.#bytes.writeBigUInt64LE(BigInt(value), at);
    else this.#bytes.writeUIntLE(Number(value), at, bytes);
  }

  /** @param {U64} value */
  i64(value) {
    const wide = BigInt(value);
    this.integer('u64', normal(wide >= 0n ? 2n * wide : -2n * wide - 1n));
  }

  /** @param {Uint8Array} bytes */
  raw(bytes) {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** @param {Uint8Array} bytes */
  bytes(bytes) {
    this.integer('u64', bytes.length);
    this.raw(bytes);
  }

  /** @param {string} text */
  string(text) {
    this.bytes(Buffer.from(text, 'utf8'));
  }

  /** What was written; the writer is not to be used again. */
  done() {
    return this.#bytes.subarray(0, this.#length);
  }
}
