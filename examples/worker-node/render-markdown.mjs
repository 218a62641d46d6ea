#!/usr/bin/env node
// A real worker: Markdown in, a page of HTML out.
//
//   greenroom map --worker examples/worker-node/render-markdown.mjs README.md ARCHITECTURE.md
//
// A job's input is the path of a Markdown file, or, with the job name `text`, Markdown itself.
// With the metadata `fragment` = `true` there is no page around it.

import fs from 'node:fs/promises';
import path from 'node:path';

import { InvalidInput, run } from './src/index.js';
import { page } from './markdown/page.js';
import { TooLarge, render } from './markdown/render.js';

const MOST_BYTES = 4 << 20;

function decode(bytes, what) {
  if (bytes.length > MOST_BYTES) throw new InvalidInput(`${what} has more than ${MOST_BYTES} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new InvalidInput(`${what} is not UTF-8`, { cause });
  }
}

/** Reads no more than a byte too many, whatever the file is. */
async function read(file) {
  let handle;
  try {
    // Before it is opened: a FIFO would wait for a writer, and a device may do anything.
    if (!(await fs.stat(file)).isFile()) throw new InvalidInput(`${file} is not a file`);
    handle = await fs.open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MOST_BYTES + 1), 0, MOST_BYTES + 1, 0);
    return buffer.subarray(0, bytesRead);
  } catch (cause) {
    if (cause instanceof InvalidInput) throw cause;
    throw new InvalidInput(`cannot read ${file}: ${cause.code ?? cause.message}`, { cause });
  } finally {
    await handle?.close();
  }
}

function rendered(text, what) {
  try {
    return render(text);
  } catch (cause) {
    if (cause instanceof TooLarge) throw new InvalidInput(`${what}: ${cause.message}`, { cause });
    throw cause;
  }
}

run({
  version: '0.1.0',
  async handle(job) {
    const isText = job.name === 'text';
    const file = isText ? 'the input' : decode(job.input, 'the path');
    const body = rendered(decode(isText ? job.input : await read(file), file), file);
    return job.metadata.get('fragment') === 'true' ? body : page(path.basename(file), body);
  },
});
