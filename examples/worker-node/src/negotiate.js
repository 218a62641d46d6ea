// What two sides agree on (sections 4.2 to 4.4).

import { Violation } from './violation.js';

/** @typedef {import('./wire.js').U64} U64 */
/** @typedef {{ max_frame: number, max_payload: U64, output_window: number }} Limits */

/** The versions that this library speaks. @type {readonly [number, number]} */
export const VERSIONS = [1, 1];

/** What this library announces. @type {Limits} */
export const LIMITS = { max_frame: 262_144, max_payload: 67_108_864, output_window: 1_048_576 };

export const MOST_SLOTS = 65_536;

/**
 * The highest version in both ranges.
 * @param {readonly [number, number]} host
 * @param {readonly [number, number]} worker
 * @returns {number | undefined}
 */
export function version(host, worker) {
  const least = Math.max(host[0], worker[0]);
  const highest = Math.min(host[1], worker[1]);
  return least <= highest ? highest : undefined;
}

/** The first limit that is out of its range. @param {Limits} limits @returns {string | undefined} */
export function outOfRange(limits) {
  if (limits.max_frame < 65_536 || limits.max_frame > 16_777_216) return 'max_frame';
  if (limits.output_window < 65_536) return 'output_window';
  return undefined;
}

/** The smaller of each. @param {Limits} one @param {Limits} other @returns {Limits} */
export function common(one, other) {
  return {
    max_frame: Math.min(one.max_frame, other.max_frame),
    max_payload: one.max_payload < other.max_payload ? one.max_payload : other.max_payload,
    output_window: Math.min(one.output_window, other.output_window),
  };
}

/** @param {U64} one @param {U64} other @returns {bigint} */
export const commonCapabilities = (one, other) => BigInt(one) & BigInt(other);

/** @param {Limits} limits @param {ReadonlyArray<{ number: number }>} extensions */
export function judge(limits, extensions) {
  const wrong = outOfRange(limits);
  if (wrong !== undefined) throw new Violation('GR-4.3-1', 'Limit', `the host's ${wrong} is out of its range`);
  if (new Set(extensions.map(({ number }) => number)).size < extensions.length) {
    throw new Violation('GR-4.5-2', 'Extension', 'the host lists an extension twice');
  }
}
