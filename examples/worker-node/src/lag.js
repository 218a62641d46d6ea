// How late the event loop was: the `lag_us` of a Pong.

import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 10;

export class Lag {
  #monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #worstUs = 0;

  /** The monitor wakes the process up again and again, so it runs only while jobs do. @param {boolean} busy */
  watch(busy) {
    if (busy) this.#monitor.enable();
    else this.#monitor.disable();
  }

  /** A message that the guard posted at this time was handled now. @param {bigint} postedAt */
  saw(postedAt) {
    this.#worstUs = Math.max(this.#worstUs, Number((process.hrtime.bigint() - postedAt) / 1000n));
  }

  /** The worst since the last time, in microseconds. */
  take() {
    const late = this.#monitor.count > 0 ? this.#monitor.max / 1000 - RESOLUTION_MS * 1000 : 0;
    const worst = Math.max(this.#worstUs, Math.round(late), 0);
    this.#monitor.reset();
    this.#worstUs = 0;
    return worst;
  }
}
