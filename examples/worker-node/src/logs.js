// Log records as lines of JSON on standard error (section 6).

import { AsyncLocalStorage } from 'node:async_hooks';
import fs from 'node:fs';

import { shorten } from './messages.js';

/** @typedef {'ERROR' | 'WARN' | 'INFO' | 'DEBUG' | 'TRACE'} Level */

const SEVERITY = /** @type {Record<string, number>} */ ({ OFF: 0, ERROR: 1, WARN: 2, INFO: 3, DEBUG: 4, TRACE: 5 });
const LONGEST_TEXT = 65_536;
const TRIES = 50;

/** The name of the innermost span, where there is one. @type {AsyncLocalStorage<string>} */
export const span = new AsyncLocalStorage();

let threshold = filter('info');
let lost = 0;

/**
 * What a filter like `warn,my_crate=debug` lets through: the longest target that a record's target
 * begins with decides. What it does not understand it leaves out.
 * @param {string} text
 * @returns {(target: string) => number}
 */
export function filter(text) {
  const rules = text.split(',').flatMap((rule) => {
    const [, target = '', name = ''] = /^\s*(?:([^=\s]+)\s*=)?\s*(\w+)\s*$/.exec(rule) ?? [];
    const severity = SEVERITY[name.toUpperCase()];
    return severity === undefined ? [] : [{ target, severity }];
  });
  rules.sort((one, other) => other.target.length - one.target.length);
  return (target) => rules.find((rule) => target.startsWith(rule.target))?.severity ?? 0;
}

/** @param {string} text */
export function setFilter(text) {
  threshold = filter(text);
}

/**
 * Writes a record if the host wants it.
 * @param {Level} level
 * @param {string} target which part of the program speaks
 * @param {string} message
 * @param {Record<string, unknown>} [fields]
 */
export function record(level, target, message, fields = {}) {
  if ((SEVERITY[level] ?? 0) > threshold(target)) return;
  const elapsed_us = Math.round(process.uptime() * 1e6);
  const rest = lost > 0 ? { ...fields, lost_records: lost } : fields;
  const text = shorten(message, LONGEST_TEXT);
  if (writeLine(toJson({ level, target, message: text, fields: rest, span: span.getStore(), elapsed_us }))) lost = 0;
  else lost += 1;
}

/** @param {object} value */
function toJson(value) {
  try {
    return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part));
  } catch (error) {
    return JSON.stringify({ ...value, fields: { unprintable: String(error) } });
  }
}

/** Whole and at once, so that lines of two threads do not mix and none is lost at the exit. @param {string} text */
function writeLine(text) {
  let rest = Buffer.from(`${text}\n`);
  for (let tries = 0; tries < TRIES; tries += 1) {
    try {
      rest = rest.subarray(fs.writeSync(2, rest));
      if (rest.length === 0) return true;
    } catch (error) {
      // Somebody made the pipe non-blocking, and it is full. Anything else: nobody can hear us.
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EAGAIN') return false;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
  return false;
}
