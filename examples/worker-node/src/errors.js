// How a handler says that its job has not ended well.

import { FAILURE_KIND } from './layouts.js';

/** The job has failed as it can be expected to (kind 1, `error`). */
export class Failure extends Error {
  /** @param {string} message @param {{ retryable?: boolean, cause?: unknown }} [options] */
  constructor(message, { retryable = false, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.retryable = retryable;
  }

  get kind() {
    return FAILURE_KIND.error;
  }
}

/** The input is wrong and stays so (kind 3, `invalid input`). */
export class InvalidInput extends Failure {
  /** @param {string} message @param {{ cause?: unknown }} [options] */
  constructor(message, options) {
    super(message, options);
  }

  get kind() {
    return FAILURE_KIND['invalid input'];
  }
}

/** The host has answered a call with an error. */
export class CallRefused extends Failure {
  /** @param {string} method @param {string} answer */
  constructor(method, answer) {
    super(`the host refused the call ${method}: ${answer}`);
    this.answer = answer;
  }
}

/** The job ends as cancelled. */
export class Cancelled extends Error {
  /** @param {string} [reason] */
  constructor(reason = 'requested') {
    super(`the job was cancelled: ${reason}`);
    this.name = 'Cancelled';
    this.reason = reason;
  }
}
