// Frames out of the pieces that a stream delivers (section 2).

import { Violation } from './violation.js';

/** The limit until the handshake is over. */
export const HANDSHAKE_LIMIT = 65_536;

const HEADER = 6;

export class FrameDecoder {
  /** How large `length` may be; asked when a frame begins. */
  limit = HANDSHAKE_LIMIT;
  /** @type {Buffer} */
  #piece = Buffer.alloc(0);
  #header = Buffer.alloc(HEADER);
  #headerBytes = 0;
  /** @type {Buffer | undefined} */
  #body;
  #bodyBytes = 0;

  /** Gives it the next piece; the one before must be used up. @param {Buffer} piece */
  push(piece) {
    this.#piece = piece;
  }

  /**
   * The next whole frame, or `undefined` until there is another piece. Its body has a memory of its own.
   * @returns {{ type: number, body: Buffer } | undefined}
   */
  next() {
    if (this.#body === undefined) {
      // The length is judged as soon as it is there, before the type and before any allocation.
      if (this.#headerBytes < 4) {
        if (!this.#fillHeader(4)) return undefined;
        this.#judgeLength();
      }
      if (!this.#fillHeader(HEADER)) return undefined;
      this.#body = Buffer.allocUnsafeSlow(this.#header.readUInt32LE(0) - 2);
    }
    this.#bodyBytes += this.#moveTo(this.#body, this.#bodyBytes, this.#body.length);
    if (this.#bodyBytes < this.#body.length) return undefined;

    const frame = { type: this.#header.readUInt16LE(4), body: this.#body };
    this.#headerBytes = 0;
    this.#body = undefined;
    this.#bodyBytes = 0;
    return frame;
  }

  /** The stream has ended. */
  end() {
    if (this.#headerBytes > 0) {
      throw new Violation('GR-2.3-2', 'Truncated', 'the stream ended inside a frame');
    }
  }

  #judgeLength() {
    const length = this.#header.readUInt32LE(0);
    if (length < 2) {
      throw new Violation('GR-2.1-3', 'TooShort', `a frame's length is ${length}, and must be at least 2`);
    }
    if (length > this.limit) {
      throw new Violation('GR-2.2-1', 'TooLarge', `a frame's length is ${length}, and may be at most ${this.limit}`);
    }
  }

  /** @param {number} until */
  #fillHeader(until) {
    this.#headerBytes += this.#moveTo(this.#header, this.#headerBytes, until);
    return this.#headerBytes === until;
  }

  /** @param {Buffer} target @param {number} from @param {number} to */
  #moveTo(target, from, to) {
    const moved = this.#piece.copy(target, from, 0, Math.min(this.#piece.length, to - from));
    this.#piece = this.#piece.subarray(moved);
    return moved;
  }
}
