// An amount that is taken and given back; who wants more than there is waits its turn.

export class Credit {
  #available;
  /** @type {{ amount: number, go: () => void }[]} */
  #waiting = [];

  /** @param {number} available */
  constructor(available) {
    this.#available = available;
  }

  /**
   * Resolves when the amount is taken; rejects with the signal's reason when that comes first.
   * @param {number} amount
   * @param {AbortSignal} signal
   * @returns {Promise<void>}
   */
  async take(amount, signal) {
    if (this.#waiting.length === 0 && amount <= this.#available) {
      this.#available -= amount;
      return;
    }
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const turn = { amount, go: () => { signal.removeEventListener('abort', stop); resolve(); } };
      const stop = () => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(signal.reason);
        this.#serve();
      };
      signal.addEventListener('abort', stop, { once: true });
      this.#waiting.push(turn);
    });
  }

  /** @param {number} amount */
  give(amount) {
    this.#available += amount;
    this.#serve();
  }

  #serve() {
    for (let next = this.#waiting[0]; next && next.amount <= this.#available; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#available -= next.amount;
      next.go();
    }
  }
}
