#!/usr/bin/env node
// The worker under test of section 9.1: `greenroom conformance worker examples/worker-node/conformance-worker.mjs`.

import { spawn } from 'node:child_process';

import { Cancelled, Failure, log, run } from './src/index.js';

const JOBS = {
  'conformance.jobs': () => ['greenroom-conformance 1', ...Object.keys(JOBS), ''].join('\n'),
  'conformance.echo': (job) => job.input,
  'conformance.produce': produce,
  'conformance.describe': describe,
  'conformance.wait': wait,
  'conformance.deaf': deaf,
  'conformance.block': block,
  'conformance.fail': (job) => {
    throw new Failure(text(job), { retryable: job.metadata.get('retryable') === 'true' });
  },
  'conformance.crash': (job) => {
    throw new Error(text(job));
  },
  // A refusal that is not caught is a failure of kind 1 whose message has the host's answer.
  'conformance.call': (job) => job.call(job.metadata.get('method') ?? '', job.input),
  'conformance.calls': calls,
  'conformance.extend': (job) => {
    // It may be any 64-bit number.
    job.extendDeadline(BigInt(text(job)));
    return 'extended';
  },
  'conformance.retire': (job) => {
    job.retire(text(job));
    return 'retired';
  },
  'conformance.log': (job) => {
    log.info(text(job));
    process.stdout.write(`${text(job)}\n`);
    return 'logged';
  },
  'conformance.grandchild': grandchild,
  'conformance.exit': (job) => process.exit(number(job)),
};

const text = (job) => job.input.toString('utf8');

function number(job) {
  const value = Number(text(job));
  if (!/^\d+$/.test(text(job)) || !Number.isSafeInteger(value)) throw new Failure(`not a number: ${text(job)}`);
  return value;
}

async function produce(job) {
  const output = Buffer.alloc(number(job));
  for (let at = 0; at < output.length; at += 1) output[at] = at % 251;
  const piece = job.metadata.get('piece');
  if (piece === undefined) return output;
  for (let at = 0; at < output.length; at += Number(piece)) await job.output(output.subarray(at, at + Number(piece)));
}

function describe(job) {
  const lines = [
    ['id', job.id], ['name', job.name], ['attempt', job.attempt], ['traceparent', job.traceparent],
    ['deadline_ms', job.deadlineMs], ...job.metadata.map(([key, value]) => [`meta.${key}`, value]),
  ];
  return lines.map(([key, value]) => `${key}=${value}\n`).join('');
}

async function wait(job) {
  await job.output('begun');
  await new Promise((resolve) => {
    for (const signal of [job.signal, job.leaving]) {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', resolve);
    }
  });
  throw new Cancelled();
}

async function deaf(job) {
  await job.output('begun');
  await new Promise(() => {});
}

async function block(job) {
  await job.output('begun');
  const end = performance.now() + number(job);
  while (performance.now() < end);
  return 'blocked';
}

async function calls(job) {
  const numbers = Array.from({ length: number(job) }, (_, index) => String(index));
  const answers = await Promise.all(numbers.map((each) => job.call('echo', each)));
  return answers.map((answer) => `${answer}\n`).join('');
}

function grandchild() {
  // Node's own default: it inherits none of our descriptors, so nothing of the socket.
  const child = spawn('sleep', ['60']);
  child.unref();
  return String(child.pid);
}

run({
  async initialize(start) {
    const [word, ...rest] = start.args.toString('utf8').split(' ');
    switch (word) {
      case '': return;
      case 'fail': throw new Error(rest.join(' '));
      case 'extend': return void start.extendDeadline(BigInt(rest[0]));
      case 'wait': return new Promise(() => {});
      case 'slots': return { slots: Number(rest[0]) };
      default: throw new Error(`unknown preparation: ${word}`);
    }
  },
  async handle(job) {
    const work = JOBS[job.name];
    if (work === undefined) throw new Failure(`unknown job: ${job.name}`);
    return work(job);
  },
});
