// The Markdown worker, as a host uses it, over this repository's own files.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { TestHost } from './support/host.js';

const WORKER = fileURLToPath(new URL('../render-markdown.mjs', import.meta.url));
const file = (name) => fileURLToPath(new URL(`../../../${name}`, import.meta.url));

test('renders files and text, and says what is wrong with an input', { timeout: 60_000 }, async () => {
  const host = await TestHost.ready('', WORKER);
  for (const [name, title] of [['README.md', 'Greenroom'], ['ARCHITECTURE.md', ''], ['proto-spec/README.md', 'The Greenroom protocol, version 1']]) {
    const { failure, output } = await host.run('', file(name));
    assert.equal(failure, null);
    const html = output.toString();
    assert.match(html, /^<!DOCTYPE html>/);
    assert.ok(html.includes(`<h1>${title}`), name);
    // Nothing of the notation is left outside of code.
    const prose = html.replace(/<(pre|code|style)[^]*?<\/\1>/g, '');
    assert.doesNotMatch(prose, /```|\*\*|\]\(|^#+ |^\|/m, name);
  }

  const text = await host.run('text', '*hi*', { metadata: { fragment: 'true' } });
  assert.equal(text.output.toString(), '<p><em>hi</em></p>\n');

  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'greenroom-'));
  const fifo = path.join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const wrong = [['', fifo, /is not a file/], ['text', `${'a|'.repeat(1000)}\n${'-|'.repeat(1000)}\n${'|\n'.repeat(200)}`, /lack more than/],
    ['', '/no/such/file', /cannot read .*ENOENT/], ['', file('proto-spec'), /is not a file/],
    ['text', Buffer.from([0xc3, 0x28]), /not UTF-8/], ['text', Buffer.alloc(5 << 20, 0x61), /more than/]];
  for (const [name, input, message] of wrong) {
    const bytes = Buffer.from(input);
    const job = host.startJob(name, '', { last: false });
    for (let at = 0; at < bytes.length; at += 200_000) host.send('JobInput', { job, last: false }, bytes.subarray(at, at + 200_000));
    host.send('JobInput', { job, last: true });
    const { failure } = await host.finish(job);
    assert.equal(failure.kind, 3);
    assert.match(failure.message, message);
  }
  fs.rmSync(folder, { recursive: true });
  await host.close();
});
