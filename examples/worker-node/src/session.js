// The main thread's side: runs handlers, answers pings there, and leaves when it must.

import { Calls } from './calls.js';
import { Credit } from './credit.js';
import { killOwnGroup } from './group.js';
import { Job, milliseconds, toBytes } from './job.js';
import { Lag } from './lag.js';
import { DEADLINE_KIND, FAILURE_KIND, SHUTDOWN_REASON, nameOf } from './layouts.js';
import { record, setFilter, span } from './logs.js';
import { shorten } from './messages.js';
import { LIMITS, MOST_SLOTS, common } from './negotiate.js';
import { WELL, describe, failed, outcomeOf } from './outcome.js';
import { EXIT, HOST_GONE_MS, afterMs, giveUpAfter } from './times.js';

/** @typedef {import('./wire.js').U64} U64 */
/** @typedef {import('./messages.js').Message} Message */
/** @typedef {import('./outcome.js').Outcome} Outcome */
/** @typedef {{ reason: string, graceMs: number }} Notice */
/**
 * The user's worker, as `index.d.ts` describes it.
 * @typedef {object} Handler
 * @property {(start: any) => any} [initialize]
 * @property {(job: any) => any} handle
 * @property {(notice: Notice) => any} [shutdown]
 * @property {number} [slots]
 */

// So much data is on its way to the guard at most; then outputs and calls wait.
const MOST_UNFLUSHED = 1 << 20;
const LONGEST_REASON = 4096;
const HANDLED_EVERY = 256;
const CALL_OVERHEAD = 2 + 9 + 9;

export class Session {
  #guard;
  #handler;
  #limits = LIMITS;
  #room = new Credit(MOST_UNFLUSHED);
  #calls = new Calls();
  #lag = new Lag();
  /** @type {Map<U64, Job>} */
  #jobs = new Map();
  /** Who waits for the guard to have written a job's `JobAccepted`. @type {Map<U64, () => void>} */
  #accepting = new Map();
  #starting = new AbortController();
  #ready = false;
  #retired = false;
  #left = false;
  /** @type {Notice | undefined} */
  #notice;
  /** How the process ends once it has nothing left to do. @type {() => void} */
  #leave = () => {};
  #handled = 0;

  /** @param {import('node:worker_threads').Worker} guard @param {Handler} handler */
  constructor(guard, handler) {
    this.#guard = guard;
    this.#handler = handler;
    guard.on('message', (post) => {
      if (post.message) this.#receive(post.message, post.at);
      else if (post.accepted !== undefined) this.#accepting.get(post.accepted)?.();
      else if (post.flushed) this.#room.give(Math.min(post.flushed, MOST_UNFLUSHED));
      else if (post.over) this.#over(post.over.code);
      else if (post.exit !== undefined) exit(post.exit);
    });
    guard.on('error', (error) => {
      record('ERROR', 'greenroom', `the guard thread failed: ${error.stack}`);
      process.exit(EXIT.broken);
    });
  }

  /** @param {Message} message @param {bigint} at */
  #receive(message, at) {
    const { name, fields } = message;
    this.#lag.saw(at);
    this.#handled += 1;
    if (this.#handled % HANDLED_EVERY === 0) this.#guard.postMessage({ handled: HANDLED_EVERY });
    switch (name) {
      case 'InitializeRequest': return void this.#initialize(message);
      case 'Ping': return this.#guard.postMessage({ pong: { seq: fields.seq, lag_us: this.#lag.take() } });
      case 'StartJob': return void this.#run(fields.job, new Job(message, this.#link()));
      case 'CancelJob': return this.#jobs.get(fields.job)?.cancel(fields.reason);
      case 'JobWindow': return this.#jobs.get(fields.job)?.widen(fields.bytes);
      case 'CallResponse': return this.#calls.answered(message);
      case 'Shutdown': return this.#shutdown(nameOf(SHUTDOWN_REASON, fields.reason), Number(fields.grace_ms));
    }
  }

  /** @param {Message} message */
  async #initialize({ fields, data }) {
    setFilter(fields.log_filter);
    this.#limits = common(fields.limits, LIMITS);
    const start = {
      slot: fields.slot,
      generation: fields.generation,
      hostName: fields.host_name,
      hostVersion: fields.host_version,
      args: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
      signal: this.#starting.signal,
      extendDeadline: (/** @type {U64} */ ms) => {
        if (this.#ready || this.#notice) throw new Error('the preparation is over');
        this.#send('ExtendDeadline', { which: DEADLINE_KIND.initialize, job: 0, extra_ms: milliseconds(ms) });
      },
    };
    try {
      const result = await this.#handler.initialize?.(start);
      const slots = result?.slots ?? this.#handler.slots ?? 1;
      if (!Number.isInteger(slots) || slots < 1 || slots > MOST_SLOTS) {
        throw new RangeError(`slots must be 1 to ${MOST_SLOTS}, not ${slots}`);
      }
      if (this.#notice) return;
      this.#ready = true;
      this.#guard.postMessage({ ready: { slots } });
    } catch (error) {
      if (this.#notice) return;
      record('ERROR', 'greenroom', `the preparation failed: ${describe(error)}`);
      this.#guard.postMessage({ failed: error instanceof Error ? error.message : describe(error) });
    }
  }

  /** @param {U64} number @param {Job} job */
  async #run(number, job) {
    this.#jobs.set(number, job);
    this.#lag.watch(true);
    if (this.#notice) job.leave(this.#notice);
    /** @type {Outcome} */
    let outcome = WELL;
    /** @type {Uint8Array} */
    let data = Buffer.alloc(0);
    try {
      await this.#accept(number, job.signal);
      // Who had to leave meanwhile has finished the job already.
      if (!this.#jobs.has(number)) return;
      data = await this.#handle(job);
    } catch (error) {
      outcome = outcomeOf(error, job.signal.aborted || job.leaving.aborted);
    }
    await job.end();
    this.#finish(number, outcome, data);
  }

  /**
   * Waits until the kernel has `JobAccepted` (GR-5.4-4): a handler may end the process in its first instruction.
   * @param {U64} number @param {AbortSignal} signal
   */
  async #accept(number, signal) {
    try {
      await /** @type {Promise<void>} */ (new Promise((resolve, reject) => {
        this.#accepting.set(number, resolve);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        this.#send('JobAccepted', { job: number });
      }));
    } finally {
      this.#accepting.delete(number);
    }
  }

  /** The rest of its output, which goes into `JobFinished`. @param {Job} job @returns {Promise<Uint8Array>} */
  async #handle(job) {
    const result = await span.run('job', () => this.#handler.handle(job));
    if (result?.[Symbol.asyncIterator] !== undefined) {
      for await (const piece of result) await job.output(piece);
      return Buffer.alloc(0);
    }
    const data = toBytes(result);
    if (job.fitsInEnd(data)) return data;
    await job.output(data);
    return Buffer.alloc(0);
  }

  /** @param {U64} number @param {Outcome} outcome @param {Uint8Array} [data] */
  #finish(number, outcome, data) {
    if (!this.#jobs.delete(number)) return;
    this.#send('JobFinished', { job: number, ...outcome }, data);
    if (this.#jobs.size > 0) return;
    this.#lag.watch(false);
    this.#leave();
  }

  /** @param {string} reason @param {number} graceMs */
  #shutdown(reason, graceMs) {
    // Of several, the earliest end counts.
    afterMs(giveUpAfter(graceMs), () => this.#giveUp());
    if (this.#notice) return;
    this.#announce({ reason, graceMs });
    this.#leave = once(async () => {
      if (this.#ready) await this.#tellShutdown();
      this.#exiting(reason);
    });
    if (this.#jobs.size === 0) this.#leave();
  }

  /** The stream has ended: nobody else will end what the worker has started. @param {number} code */
  #over(code) {
    // Behind the listeners that the program has for its end, and also if the program ends itself.
    if (code === EXIT.hostGone) process.on('exit', killOwnGroup);
    const exit = () => process.exit(code);
    afterMs(HOST_GONE_MS * 0.8, exit);
    this.#announce({ reason: 'host gone', graceMs: HOST_GONE_MS * 0.8 });
    for (const job of this.#jobs.values()) job.hostGone();
    this.#leave = once(async () => {
      if (this.#ready) await this.#tellShutdown();
      exit();
    });
    if (this.#jobs.size === 0) this.#leave();
  }

  /** @param {Notice} notice */
  #announce(notice) {
    this.#notice = notice;
    this.#starting.abort(notice);
    for (const job of this.#jobs.values()) job.leave(notice);
  }

  async #tellShutdown() {
    try {
      await this.#handler.shutdown?.(/** @type {Notice} */ (this.#notice));
    } catch (error) {
      record('ERROR', 'greenroom', `shutdown failed: ${describe(error)}`);
    }
  }

  /** The grace is nearly over: says so for each job that still runs, and leaves in order. */
  #giveUp() {
    this.#leave = () => {};
    const outcome = failed(FAILURE_KIND.error, 'the worker had to leave before the handler ended', true);
    for (const number of [...this.#jobs.keys()]) this.#finish(number, outcome);
    this.#exiting('its grace is over');
  }

  /** @param {string} reason */
  #exiting(reason) {
    if (this.#left) return;
    this.#left = true;
    this.#send('Exiting', { reason: shorten(reason, LONGEST_REASON) });
    this.#guard.postMessage({ leave: EXIT.done });
  }

  /** @returns {import('./job.js').Link} */
  #link() {
    /** @param {number} bytes @param {AbortSignal} signal */
    const reserve = (bytes, signal) => this.#room.take(Math.min(bytes, MOST_UNFLUSHED), signal);
    return {
      limits: this.#limits,
      reserve,
      send: (name, fields, data) => this.#send(name, fields, data),
      call: (method, data, signal) => {
        if (data.length + Buffer.byteLength(method) + CALL_OVERHEAD > this.#limits.max_frame) {
          throw new RangeError(`the call's data has ${data.length} bytes, which is too much for a frame`);
        }
        return this.#calls.make(method, signal, {
          reserve: () => reserve(data.length, signal),
          send: (call) => this.#send('CallRequest', { call, method }, data),
        });
      },
      retire: (reason) => {
        // Once is enough: the host replaces the worker.
        if (!this.#retired) this.#send('Retire', { reason: shorten(reason, LONGEST_REASON) });
        this.#retired = true;
      },
    };
  }

  /** @param {string} name @param {import('./messages.js').Fields} fields @param {Uint8Array} [data] */
  #send(name, fields, data) {
    if (data === undefined) return this.#guard.postMessage({ send: { name, fields } });
    // A copy, because the handler may change what it gave; the copy is handed over.
    const copy = new Uint8Array(data);
    this.#guard.postMessage({ send: { name, fields, data: copy } }, [copy.buffer]);
  }
}

/** All is said, or the host has gone before it could be. @param {number} code */
function exit(code) {
  if (code === EXIT.hostGone) process.on('exit', killOwnGroup);
  process.exit(code);
}

/** @param {() => void} work */
function once(work) {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}
