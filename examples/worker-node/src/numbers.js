// A set of numbers that are mostly handed out in a row, kept as ranges, so that it stays small.

const MOST_RANGES = 1024;

export class Numbers {
  /** @type {{ first: bigint, last: bigint }[]} */
  #ranges = [];

  /**
   * Adds one and says whether it is new. A peer that scatters its numbers makes the oldest range forgotten.
   * @param {import('./wire.js').U64} number
   */
  add(number) {
    const wide = BigInt(number);
    if (this.#ranges.some(({ first, last }) => first <= wide && wide <= last)) return false;
    const before = this.#ranges.find(({ last }) => last + 1n === wide);
    if (before) before.last = wide;
    else this.#ranges.push({ first: wide, last: wide });
    if (this.#ranges.length > MOST_RANGES) this.#ranges.shift();
    return true;
  }
}
