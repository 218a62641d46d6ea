'use strict';
// Node's own child_process: fork and its message channel, with either of its two encodings.

const { fork } = require('node:child_process');
const path = require('node:path');
const { bytes, asText } = require('./measure.js');

const CHILD = path.join(__dirname, 'workers', 'child.js');

// JSON would write a buffer as a list of numbers: it is given text, which is what it is good at.
const json = forked('json', asText, 'a string, as JSON');
// The encoding that the documentation names for binary data.
const advanced = forked('advanced', (plan) => Buffer.from(bytes(plan).buffer), 'a Buffer, structured clone');

function forked(serialization, makeValue, form) {
  return {
    kind: 'process',
    version: () => process.versions.node,
    oneShot: true,
    makeValue,
    note: () => `${form}; start method: fork (spawn of node)`,
    open: async (plan) => open(plan.workers, serialization),
  };
}

function open(workers, serialization) {
  const children = Array.from({ length: workers }, () => new Child(serialization));
  let next = 0;
  return {
    // There is no pool here: jobs go round, as each takes the same time.
    echo: (value) => children[next++ % workers].echo(value),
    close: () => Promise.all(children.map((child) => child.close())),
  };
}

class Child {
  #process;
  #exited;
  // A child answers in order, so that a queue is enough to tell whose answer it is.
  #waiting = [];
  #head = 0;

  constructor(serialization) {
    this.#process = fork(CHILD, { serialization });
    this.#process.on('message', (value) => this.#answered(value));
    this.#exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.on('error', (error) => this.#failed(error));
    this.#process.on('exit', (code, signal) => this.#failed(new Error(`the child ended (${signal ?? code})`)));
  }

  echo(value) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#process.send(value);
    });
  }

  close() {
    // The child ends when its channel does.
    if (this.#process.connected) this.#process.disconnect();
    return this.#exited;
  }

  #answered(value) {
    this.#waiting[this.#head++].resolve(value);
    if (this.#head === this.#waiting.length) {
      this.#waiting = [];
      this.#head = 0;
    }
  }

  #failed(error) {
    for (const { reject } of this.#waiting.slice(this.#head)) reject(error);
  }
}

module.exports = { json, advanced };
