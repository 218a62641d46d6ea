// The guard: a thread that owns the socket, so that whatever a handler does on the main thread,
// the stream is read, a Shutdown is acknowledged, and the process ends when it must.
//
// What only proves something where handlers run, above all a Pong, is made on the main thread.
// Posts to the main thread: {at, message}, {accepted}, {flushed}, {nudge}, {over}, {exit}.
// Posts from it: {send}, {pong}, {ready}, {failed}, {handled}, {leave}.

import net from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

import { Conduct } from './conduct.js';
import { FrameDecoder } from './frames.js';
import { killOwnGroup } from './group.js';
import { Inputs } from './inputs.js';
import { CAPABILITY_BIT, FAILURE_KIND, INITIALIZE_CODE } from './layouts.js';
import { record, setFilter } from './logs.js';
import { decode, encode, shorten } from './messages.js';
import { LIMITS, VERSIONS, common, commonCapabilities, judge, version } from './negotiate.js';
import { StackDumper } from './stacks.js';
import { EXIT, HOST_GONE_MS, afterMs, killAfter } from './times.js';
import { Violation } from './violation.js';

/** @typedef {import('./messages.js').Message} Message */
/** @typedef {import('./messages.js').Fields} Fields */

const CAPABILITIES = 1 << CAPABILITY_BIT['stack dump'];
// With so many messages unread by the main thread the socket waits: they are small ones, so a host that is no flood never sees it.
const MOST_UNHANDLED = 4096;
// It fits in the smallest frame that can be agreed on.
const LONGEST_DUMP = 60_000;
// A host that reads nothing of so many frames is gone.
const MOST_UNWRITTEN = 100_000;

const main = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const program = /** @type {{ name: string, version: string, buildId: string }} */ (workerData.program);

const decoder = new FrameDecoder();
const conduct = new Conduct();
const inputs = new Inputs();
const dumper = new StackDumper(() => main.postMessage({ nudge: true }));
/** @type {Fields} */
let request = {};
let unhandled = 0;
let unwritten = 0;
let over = false;

const socket = new net.Socket({ fd: 0, readable: true, writable: true, allowHalfOpen: true });
socket.on('data', (piece) => guarded(() => {
  if (over) return;
  decoder.push(piece);
  // Asked one by one: the limit changes between two frames.
  for (let frame = decoder.next(); frame && !over; frame = decoder.next()) {
    const message = decode(frame.type, frame.body, 'host-to-worker');
    if (message) receive(message);
  }
}));
socket.on('end', () => guarded(() => {
  if (over) return;
  decoder.end();
  end('the host has closed the stream', EXIT.hostGone);
}));
// A reset, or a stream that cannot be written to, is an end too (GR-1.3-3).
socket.on('error', (error) => end(`the stream is broken: ${error.message}`, EXIT.hostGone));

main.on('message', (post) => {
  if (post.send) send(post.send.name, post.send.fields, post.send.data);
  else if (post.pong) send('Pong', { ...post.pong, jobs: conduct.jobs });
  else if (post.ready) sendReady(post.ready.slots);
  else if (post.handled) handled(post.handled);
  else if (post.failed !== undefined) refuse(INITIALIZE_CODE.failed, post.failed);
  else if (post.leave !== undefined) leave(post.leave);
});

/** @param {Message} message */
function receive(message) {
  conduct.judge(message);
  const { name, fields } = message;
  switch (name) {
    case 'InitializeRequest':
      return initialize(message);
    case 'Shutdown':
      return shutdown(message);
    case 'StartJob':
    case 'JobInput': {
      const whole = inputs.take(message);
      if (whole) post(whole);
      return;
    }
    case 'CancelJob':
      if (inputs.drop(fields.job)) send('JobFinished', { job: fields.job, cancelled: true, failure: null });
      else if (conduct.runs(fields.job)) post(message);
      return;
    case 'JobWindow':
      if (!inputs.widen(fields.job, fields.bytes) && conduct.runs(fields.job)) post(message);
      return;
    case 'DumpStacks':
      return dumpStacks();
    default:
      post(message);
  }
}

/** @param {Message} message */
function initialize(message) {
  request = message.fields;
  setFilter(request.log_filter);
  const { protocol_min, protocol_max } = request;
  if (version([protocol_min, protocol_max], VERSIONS) === undefined) {
    const [least, highest] = VERSIONS;
    return refuse(INITIALIZE_CODE.version,
      `the host speaks ${protocol_min} to ${protocol_max}, this worker ${least} to ${highest}`);
  }
  judge(request.limits, request.extensions);
  post(message);
}

/** @param {number} slots */
function sendReady(slots) {
  const limits = common(request.limits, LIMITS);
  const stackDump = commonCapabilities(request.capabilities, CAPABILITIES) === BigInt(CAPABILITIES);
  conduct.ready({ slots, maxPayload: limits.max_payload, stackDump });
  respond(null, slots);
  decoder.limit = limits.max_frame;
}

/** @param {number} code @param {string} message */
function refuse(code, message) {
  respond({ code, message: shorten(message, 16_384) }, 0);
  leave(EXIT.unusable);
}

/** @param {{ code: number, message: string } | null} error @param {number} slots */
function respond(error, slots) {
  const highest = VERSIONS[1];
  const protocol = error ? highest : version([request.protocol_min, request.protocol_max], VERSIONS);
  send('InitializeResponse', {
    error, protocol, capabilities: CAPABILITIES, limits: LIMITS, slots,
    name: program.name, version: program.version, build_id: program.buildId,
    sdk: 'greenroom-worker (Node.js) 0.1.0', pid: process.pid, extensions: [],
  });
}

/** @param {Message} message */
function shutdown(message) {
  send('ShuttingDown', { jobs: conduct.jobs });
  // A main thread that is free leaves before that by itself.
  const grace = Number(message.fields.grace_ms);
  afterMs(killAfter(grace), () => kill('the worker did not leave within its grace'));
  for (const job of inputs.dropAll()) {
    const failure = { kind: FAILURE_KIND.rejected, message: 'the worker is leaving', retryable: true };
    send('JobFinished', { job, cancelled: false, failure });
  }
  post(message);
}

function dumpStacks() {
  dumper.dump((text) => send('StackDump', { text: shorten(text, LONGEST_DUMP) }));
}

/** @param {string} name @param {Fields} fields @param {Uint8Array} [data] */
function send(name, fields, data) {
  if (over) return;
  conduct.sent(name, fields);
  unwritten += 1;
  if (unwritten > MOST_UNWRITTEN) return end('the host does not read', EXIT.hostGone);
  // Called when the kernel has the last byte, or never will.
  socket.write(encode(name, fields, data), (error) => {
    unwritten -= 1;
    if (name === 'JobAccepted' && !error) main.postMessage({ accepted: fields.job });
    if (data) main.postMessage({ flushed: data.length });
  });
}

/** @param {Message} message */
function post(message) {
  unhandled += 1;
  if (unhandled >= MOST_UNHANDLED) socket.pause();
  // Each body has its own memory, so it is handed over and not copied.
  const memory = /** @type {ArrayBuffer} */ (message.data.buffer);
  main.postMessage({ at: process.hrtime.bigint(), message }, message.data.length > 0 ? [memory] : []);
}

/** @param {number} count */
function handled(count) {
  unhandled -= count;
  if (unhandled < MOST_UNHANDLED) socket.resume();
}

/** Everything is said: writes what is left, then lets the main thread exit. @param {number} code */
function leave(code) {
  /** @param {Error | null} [error] */
  const exit = (error) => main.postMessage({ exit: error ? EXIT.hostGone : code });
  if (over) return exit();
  over = true;
  socket.end(exit);
  // A host that does not read what is left cannot keep the worker.
  afterMs(HOST_GONE_MS, exit);
}

/** @param {string} why @param {number} code */
function end(why, code) {
  if (over) return;
  over = true;
  socket.destroy();
  main.postMessage({ over: { why, code } });
  afterMs(HOST_GONE_MS, () => kill(why, code === EXIT.hostGone));
}

/** @param {() => void} work */
function guarded(work) {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    const { requirement, kind, message } = error;
    record('ERROR', 'greenroom', `the host breaks ${requirement}: ${message}`, { requirement, kind });
    end(`the host breaks ${requirement}`, EXIT.violation);
  }
}

/** @param {string} why @param {boolean} [hostGone] */
function kill(why, hostGone = false) {
  record('WARN', 'greenroom', 'a handler kept the main thread to itself; the process kills itself', { why });
  if (hostGone) killOwnGroup();
  // A thread cannot make its process exit, only end it so.
  process.kill(process.pid, 'SIGKILL');
}
