// How long things may take, and what the exit codes mean.

export const EXIT = {
  /** It left in order. */
  done: 0,
  /** `InitializeResponse` carried an error. */
  unusable: 1,
  /** The stream ended before the worker could leave in order, EX_IOERR. */
  hostGone: 74,
  /** It was started by hand, EX_USAGE. */
  byHand: 64,
  /** The guard failed, EX_SOFTWARE. */
  broken: 70,
  /** The host broke the protocol, EX_PROTOCOL. */
  violation: 76,
};

/** What handlers have to end themselves when the host has gone, in milliseconds, until the process is killed. */
export const HOST_GONE_MS = 500;

/**
 * When the guard kills a process whose main thread does not leave. Nobody leaves in no time at all.
 * @param {number} grace
 */
export const killAfter = (grace) => Math.max(grace - Math.min(100, grace / 10), 100);

/** When the main thread gives up waiting for handlers, so that it still leaves in order. @param {number} grace */
export const giveUpAfter = (grace) => grace - Math.min(300, grace / 3);

const LONGEST_TIMER = 2 ** 31 - 1;

/** A timer for any number of milliseconds. @param {number} ms @param {() => void} then */
export function afterMs(ms, then) {
  return setTimeout(then, Math.min(Math.max(ms, 0), LONGEST_TIMER));
}
