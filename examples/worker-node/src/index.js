// Theory of operation. The process has two threads. The guard (guard.js) owns the socket: it reads
// frames (frames.js, messages.js, wire.js), holds the host to the protocol (conduct.js), collects
// inputs (inputs.js), writes, and ends a process whose main thread is stuck. The main thread
// (session.js) runs the handlers and answers pings there, because that is what a pong promises.

export { run } from './boot.js';
export { CallRefused, Cancelled, Failure, InvalidInput } from './errors.js';
export { log } from './log.js';
