// The public API of greenroom-worker.

/// <reference types="node" />
import type { Writable } from 'node:stream';

/** An unsigned 64-bit integer: a `number` up to 2^53-1, where it is exact, and a `bigint` above. */
export type U64 = number | bigint;

/** What a handler may give as output. */
export type Output = string | Uint8Array | void;

export interface Metadata extends ReadonlyArray<[key: string, value: string]> {
  /** The first value of a key. */
  get(key: string): string | undefined;
}

/** Why the worker must leave, and how many milliseconds it has. */
export interface Notice {
  /** `host gone` means that the stream has ended, and that nobody reads the outcome. */
  reason: 'requested' | 'retired' | 'surplus' | 'host gone' | `unknown ${number}`;
  graceMs: number;
}

export interface Job {
  /** Names the job for people; the same in every attempt. */
  readonly id: string;
  /** What kind of job it is, for workers that know several; may be empty. */
  readonly name: string;
  /** Counts from 1. */
  readonly attempt: number;
  readonly metadata: Metadata;
  /** A W3C traceparent, or empty. */
  readonly traceparent: string;
  /** How many milliseconds the host gives the job from its start; 0 for no limit. */
  readonly deadlineMs: U64;
  /** The whole input. */
  readonly input: Buffer;
  /** Aborts with a {@link Cancelled} when the host cancels the job, or has gone. */
  readonly signal: AbortSignal;
  /** Aborts with a {@link Notice} when the worker must leave. The job may still end well within the grace. */
  readonly leaving: AbortSignal;
  /**
   * Sends a piece of output; resolves when the host's window allowed it and it is on its way. Outputs keep their order.
   * Data that fits in a frame and in the window goes in one piece. Rejects with a {@link Cancelled} if the job is
   * cancelled while it waits.
   */
  output(data: string | Uint8Array): Promise<void>;
  /** A stream whose chunks are output. */
  writable(): Writable;
  /**
   * Asks the host. At most 1024 calls of a worker are open at a time; more wait. Rejects with a {@link CallRefused},
   * with a {@link Cancelled}, or with a `RangeError` if the data does not fit in a frame.
   */
  call(method: string, data?: string | Uint8Array): Promise<Buffer>;
  /** Asks for more time, in milliseconds. There is no answer: the host may not grant it. */
  extendDeadline(ms: U64): void;
  /** Asks the host to replace this worker. Only the first time counts. */
  retire(reason?: string): void;
}

/** What the host says at the beginning. */
export interface Start {
  readonly slot: number;
  readonly generation: U64;
  readonly hostName: string;
  readonly hostVersion: string;
  /** The user's arguments for the preparation. */
  readonly args: Buffer;
  /** Aborts with a {@link Notice} when the worker is to leave before it is ready. */
  readonly signal: AbortSignal;
  /** Asks for more time to prepare, in milliseconds. */
  extendDeadline(ms: U64): void;
}

/**
 * Does a job. What it returns is the last of its output; an async iterable (an `async function*`, a readable stream) is
 * output piece by piece. A {@link Failure} fails the job with kind 1 (`error`), {@link InvalidInput} with kind 3, a
 * {@link Cancelled} ends it as cancelled, and anything else that is thrown fails it with kind 2 (`panic`).
 */
export type Handle = (job: Job) => Output | Promise<Output> | AsyncIterable<string | Uint8Array>;

export interface WorkerProgram {
  /** For people; default: the name of the program's file. */
  name?: string;
  version?: string;
  /** Equal for equal programs; default: empty. */
  buildId?: string;
  /** How many jobs run at a time, 1 to 65,536; default: 1. */
  slots?: number;
  /** Prepares the worker. If it throws, the worker cannot be used and exits with 1. */
  initialize?(start: Start): void | { slots?: number } | Promise<void | { slots?: number }>;
  handle: Handle;
  /** Runs once no job does any more, within the grace. */
  shutdown?(notice: Notice): void | Promise<void>;
}

/**
 * Becomes a worker. The process ends with the session: with 0 when it left in order, 1 when it could not be used, 64
 * when it was started by hand, 74 when the stream ended before, 76 when the host broke the protocol, and by SIGKILL when
 * a handler kept the main thread to itself at the end.
 */
export function run(handler: Handle | WorkerProgram): void;

/** The job has failed in a way that the handler has foreseen. */
export class Failure extends Error {
  /** `retryable`: whether the same job may succeed another time; default: false. */
  constructor(message: string, options?: { retryable?: boolean; cause?: unknown });
  readonly retryable: boolean;
  readonly kind: number;
}

/** The input is wrong and stays so. */
export class InvalidInput extends Failure {
  constructor(message: string, options?: { cause?: unknown });
}

/** The host has answered a call with an error. A handler that does not catch it fails with kind 1. */
export class CallRefused extends Failure {
  constructor(method: string, answer: string);
  /** What the host said. */
  readonly answer: string;
}

/** Thrown by a handler, it ends the job as cancelled. */
export class Cancelled extends Error {
  constructor(reason?: string);
  readonly reason: string;
}

type Log = (message: string, fields?: Record<string, unknown>, target?: string) => void;

/** Records on standard error, as the host's filter wants them. The target is `worker` unless it is given. */
export const log: { error: Log; warn: Log; info: Log; debug: Log; trace: Log };
