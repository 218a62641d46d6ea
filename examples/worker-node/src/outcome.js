// What the end of a handler means for its job.
//
// A Failure is an `error` (kind 1) that the handler has foreseen. Everything else that a handler
// throws it has not caught: that is what the specification calls a `panic` (kind 2).

import { Cancelled, Failure } from './errors.js';
import { FAILURE_KIND } from './layouts.js';
import { shorten } from './messages.js';

const LONGEST_MESSAGE = 16_384;

/** @typedef {{ cancelled: boolean, failure: { kind: number, message: string, retryable: boolean } | null }} Outcome */

/** @type {Outcome} */
export const WELL = { cancelled: false, failure: null };

/** @param {number} kind @param {string} message @param {boolean} retryable @returns {Outcome} */
export const failed = (kind, message, retryable) =>
  ({ cancelled: false, failure: { kind, message: shorten(message, LONGEST_MESSAGE), retryable } });

/**
 * @param {unknown} thrown
 * @param {boolean} stopping whether the job was cancelled or the worker is leaving
 * @returns {Outcome}
 */
export function outcomeOf(thrown, stopping) {
  if (thrown instanceof Cancelled || (stopping && thrown instanceof Error && thrown.name === 'AbortError')) {
    return { cancelled: true, failure: null };
  }
  if (thrown instanceof Failure) return failed(thrown.kind, thrown.message, thrown.retryable);
  return failed(FAILURE_KIND.panic, describe(thrown), false);
}

/** Its name, message, and where it was thrown, because nobody else will see the stack. @param {unknown} thrown */
export function describe(thrown) {
  if (!(thrown instanceof Error)) return `thrown: ${String(thrown)}`;
  const place = thrown.stack?.split('\n').find((line) => /^\s+at /.test(line))?.trim();
  return place ? `${thrown.name}: ${thrown.message} (${place})` : `${thrown.name}: ${thrown.message}`;
}
