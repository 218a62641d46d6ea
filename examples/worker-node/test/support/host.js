// Plays a host: starts a worker on one end of a real socket and speaks frames on the other.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { FrameDecoder } from '../../src/frames.js';
import { decode, encode } from '../../src/messages.js';

export const CONFORMANCE = fileURLToPath(new URL('../../conformance-worker.mjs', import.meta.url));

export const REQUEST = {
  protocol_min: 1, protocol_max: 1, capabilities: 1, slot: 0, generation: 0, host_name: 'test', host_version: '0',
  limits: { max_frame: 262_144, max_payload: 67_108_864, output_window: 65_536 },
  ping_interval_ms: 1000, ping_timeout_ms: 10_000, high_ping_ms: 500, initialize_timeout_ms: 10_000,
  close_timeout_ms: 10_000, log_filter: 'info', extensions: [],
};

/** Node makes no socket pairs, so both ends come from a listener that lives for one connection. */
async function socketPair() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'greenroom-'));
  const server = net.createServer({ pauseOnConnect: true }).listen(path.join(folder, 's'));
  const accepted = once(server, 'connection');
  const ours = net.connect({ path: path.join(folder, 's'), allowHalfOpen: true });
  const [theirs] = await accepted;
  server.close();
  fs.rmSync(folder, { recursive: true });
  return [ours, theirs];
}

export class TestHost {
  #messages = [];
  #waiting = [];
  #nextJob = 1;

  static async start(program = CONFORMANCE, { detached = false } = {}) {
    const [ours, theirs] = await socketPair();
    const env = { PATH: process.env.PATH, GREENROOM_WORKER: '1', GREENROOM_HOST_PID: String(process.pid) };
    const child = spawn(process.execPath, [program], { stdio: [theirs, 'pipe', 'pipe'], env, detached });
    theirs.destroy();
    return new TestHost(ours, child);
  }

  /** Started, with the handshake done. @param {string} [args] */
  static async ready(args = '', program = CONFORMANCE, request = {}) {
    const host = await TestHost.start(program);
    host.send('InitializeRequest', { ...REQUEST, ...request }, Buffer.from(args));
    host.response = await host.next('InitializeResponse');
    host.decoder.limit = 16_777_216;
    return host;
  }

  constructor(socket, child) {
    this.socket = socket;
    this.child = child;
    this.decoder = new FrameDecoder();
    this.stdout = '';
    this.stderr = '';
    child.stdout.on('data', (text) => (this.stdout += text));
    child.stderr.on('data', (text) => (this.stderr += text));
    /** Resolves when it is gone and all it wrote has come. */
    this.gone = once(child, 'close').then(([code, signal]) => ({ code, signal }));
    socket.on('data', (piece) => {
      this.decoder.push(piece);
      for (let frame = this.decoder.next(); frame; frame = this.decoder.next()) {
        this.#arrived(decode(frame.type, frame.body, 'worker-to-host'));
      }
    });
    socket.on('end', () => this.#arrived({ name: 'END', fields: {}, data: Buffer.alloc(0) }));
    socket.on('error', () => this.#arrived({ name: 'END', fields: {}, data: Buffer.alloc(0) }));
  }

  #arrived(message) {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(message);
    else this.#messages.push(message);
  }

  send(name, fields = {}, data = undefined) {
    this.raw(encode(name, fields, data));
  }

  raw(bytes) {
    this.socket.write(bytes);
  }

  /** The next message, which must have this name if one is given. */
  async next(name = undefined) {
    const message = this.#messages.shift() ?? await new Promise((resolve) => this.#waiting.push(resolve));
    if (name !== undefined && message.name !== name) {
      throw new Error(`expected ${name}, got ${message.name} ${JSON.stringify(message.fields)}; stderr: ${this.stderr}`);
    }
    return message;
  }

  /** Starts a job and gives its number. */
  startJob(name, input = '', { metadata = {}, last = true, ...rest } = {}) {
    const job = this.#nextJob;
    this.#nextJob += 1;
    const pairs = Object.entries(metadata).map(([key, value]) => ({ key, value }));
    this.send('StartJob', {
      job, id: `id-${job}`, name, metadata: pairs, traceparent: '', deadline_ms: 0, attempt: 1, last, ...rest,
    }, Buffer.from(input));
    return job;
  }

  /** Reads until a job's end; gives its whole output with it, and grants what it takes. */
  async finish(job) {
    const pieces = [];
    for (;;) {
      const message = await this.next();
      if (message.name === 'END') throw new Error(`the worker ended; stderr: ${this.stderr}`);
      if (message.fields.job !== job) continue;
      if (message.name === 'JobOutput') {
        pieces.push(message.data);
        this.send('JobWindow', { job, bytes: Math.max(64, message.data.length) });
      }
      if (message.name === 'JobFinished') return { ...message.fields, output: Buffer.concat([...pieces, message.data]) };
    }
  }

  async run(name, input, options) {
    return this.finish(this.startJob(name, input, options));
  }

  close() {
    this.socket.end();
    return this.gone;
  }
}
