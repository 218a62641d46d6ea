// The stack of the main thread, asked for from the guard thread through Node's inspector. That
// works while the main thread is stuck in JavaScript; in native code there is nothing to see.

import inspector from 'node:inspector';

import { afterMs } from './times.js';

const PATIENCE_MS = 1000;

export class StackDumper {
  #nudge;
  #waiting = Promise.resolve();

  /** @param {() => void} nudge makes an idle main thread run a little JavaScript, because only there it can be paused */
  constructor(nudge) {
    this.#nudge = nudge;
  }

  /** Dumps are taken one after the other. @param {(text: string) => void} done */
  dump(done) {
    this.#waiting = this.#waiting.then(() => this.#take()).then(done);
  }

  /** @returns {Promise<string>} */
  #take() {
    return new Promise((resolve) => {
      const session = new inspector.Session();
      /** @param {string} text */
      const finish = (text) => {
        clearTimeout(timer);
        session.disconnect();
        resolve(text);
      };
      const timer = afterMs(PATIENCE_MS, () =>
        finish('main thread: not in JavaScript for a second; it waits or runs native code\n'));
      try {
        session.connectToMainThread();
        /** @type {Map<string, string>} */
        const urls = new Map();
        session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url));
        session.on('Debugger.paused', ({ params }) => finish(describe(params.callFrames, urls)));
        session.post('Debugger.enable');
        session.post('Debugger.pause');
        this.#nudge();
      } catch (error) {
        finish(`main thread: no stack: ${error}\n`);
      }
    });
  }
}

/** @param {inspector.Debugger.CallFrame[]} frames @param {Map<string, string>} urls */
function describe(frames, urls) {
  const lines = frames.map(({ functionName, location }) =>
    `  at ${functionName || '(anonymous)'} (${urls.get(location.scriptId)}:${location.lineNumber + 1}:${(location.columnNumber ?? 0) + 1})\n`);
  return `main thread:\n${lines.join('')}`;
}
