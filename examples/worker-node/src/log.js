// What a worker logs with, inside a job and outside of it.

import { record } from './logs.js';

/** @param {import('./logs.js').Level} level */
const at = (level) => (/** @type {string} */ message, /** @type {Record<string, unknown>} */ fields = {}, target = 'worker') =>
  record(level, target, message, fields);

export const log = {
  error: at('ERROR'),
  warn: at('WARN'),
  info: at('INFO'),
  debug: at('DEBUG'),
  trace: at('TRACE'),
};
