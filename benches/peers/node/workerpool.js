'use strict';
// workerpool: a pool of child processes or of threads.

const path = require('node:path');
const workerpool = require('workerpool');
const { version } = require('workerpool/package.json');
const { bytes } = require('./measure.js');

const WORKER = path.join(__dirname, 'workers', 'workerpool.js');

// Its default encoding is JSON, which would write the buffer as a list of numbers.
const processes = {
  kind: 'process',
  version: () => version,
  makeValue: (plan) => Buffer.from(bytes(plan).buffer),
  note: () => 'a Buffer, structured clone; start method: fork (spawn of node)',
  open: async ({ workers }) => {
    const pool = open('process', workers, { forkOpts: { serialization: 'advanced' } });
    return { echo: (value) => pool.exec('echo', [value]), close: () => pool.terminate() };
  },
};

const threads = {
  kind: 'thread',
  version: () => version,
  makeValue: bytes,
  note: () => 'a Uint8Array, transferred: no byte is copied',
  open: async ({ workers }) => {
    const pool = open('thread', workers, {});
    // Measured: for 64 bytes as quick as a copy, and quicker from 16 KiB on.
    const echo = (value) => pool.exec('echoMoved', [value], { transfer: [value.buffer] });
    return { echo, close: () => pool.terminate() };
  },
};

function open(workerType, workers, options) {
  return workerpool.pool(WORKER, { workerType, minWorkers: workers, maxWorkers: workers, ...options });
}

module.exports = { processes, threads };
