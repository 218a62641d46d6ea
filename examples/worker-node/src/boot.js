// From the start of the process to a session.

import fs from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { Session } from './session.js';
import { EXIT } from './times.js';

/**
 * Becomes a worker; does not return control of the process, which ends with the session.
 * @param {import('./session.js').Handler & { name?: string, version?: string, buildId?: string } | import('./session.js').Handler['handle']} handler
 */
export function run(handler) {
  const worker = typeof handler === 'function' ? { handle: handler } : handler;
  const name = worker.name ?? path.parse(process.argv[1] ?? 'worker').name;
  if (process.env.GREENROOM_WORKER !== '1') return byHand(`${name} is a Greenroom worker`);
  if (!fs.fstatSync(0).isSocket()) return byHand(`the standard input of ${name} is not a socket`);

  const { version = '', buildId = '' } = worker;
  const guard = new Worker(new URL('./guard.js', import.meta.url), { workerData: { program: { name, version, buildId } } });
  new Session(guard, worker);
}

/** @param {string} what */
function byHand(what) {
  const program = process.argv[1] ?? 'PROGRAM';
  fs.writeSync(2, `${what}: a Greenroom host starts it, and speaks with it on its standard input.\n` +
    `To run one job in it:  greenroom map --worker ${program} INPUT\n`);
  process.exit(EXIT.byHand);
}
