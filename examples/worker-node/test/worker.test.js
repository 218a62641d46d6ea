// A worker process as its host sees it, over a real socket.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import test from 'node:test';

import { CONFORMANCE, REQUEST, TestHost } from './support/host.js';

/** The spec's own pattern for produced bytes. */
const produced = (size) => Buffer.from(Array.from({ length: size }, (_, index) => index % 251));

/** Runs the body with a ready worker, and lets none behind. */
function withWorker(name, body, { args, request } = {}) {
  test(name, { timeout: 60_000 }, async () => {
    const host = await TestHost.ready(args, CONFORMANCE, request);
    try {
      await body(host);
    } finally {
      host.child.kill('SIGKILL');
      host.socket.destroy();
    }
  });
}

withWorker('says who it is, and answers pings', async (host) => {
  const { fields } = host.response;
  assert.deepEqual([fields.error, fields.protocol, fields.slots, fields.pid], [null, 1, 1, host.child.pid]);
  assert.equal(fields.name, 'conformance-worker');
  host.send('Ping', { seq: 18446744073709551615n });
  const pong = await host.next('Pong');
  assert.deepEqual([pong.fields.seq, pong.fields.jobs], [18446744073709551615n, 0]);
});

withWorker('runs a job: accepted, then its outcome', async (host) => {
  const job = host.startJob('conformance.echo', 'hello');
  assert.equal((await host.next('JobAccepted')).fields.job, job);
  const end = await host.next('JobFinished');
  assert.deepEqual([end.fields, end.data.toString()], [{ job, cancelled: false, failure: null }, 'hello']);
});

withWorker('input in many pieces, output larger than a frame', async (host) => {
  const input = produced(700_000);
  const job = host.startJob('conformance.echo', '', { last: false });
  for (let at = 0; at < input.length; at += 70_000) {
    host.send('JobInput', { job, last: at + 70_000 >= input.length }, input.subarray(at, at + 70_000));
  }
  assert.ok((await host.finish(job)).output.equals(input));
});

withWorker('output waits for credit, and each piece costs at least 64', async (host) => {
  const job = host.startJob('conformance.produce', '1100', { metadata: { piece: '1' } });
  await host.next('JobAccepted');
  for (let count = 0; count < 65_536 / 64; count += 1) await host.next('JobOutput');
  // The worker is free, so a pong shows that no output was on its way before it.
  host.send('Ping', { seq: 1 });
  await host.next('Pong');
  host.send('JobWindow', { job, bytes: 127 });
  await host.next('JobOutput');
  host.send('Ping', { seq: 2 });
  await host.next('Pong');
  host.send('JobWindow', { job, bytes: 100_000 });
  assert.equal((await host.finish(job)).output.length, 1100 - 1025);
});

withWorker('the job describes itself, with 64-bit numbers exact', async (host) => {
  const { output } = await host.run('conformance.describe', '', {
    metadata: { b: '1', a: 'é' }, deadline_ms: 18446744073709551615n, attempt: 3, traceparent: '00-ab-cd-01',
  });
  assert.equal(output.toString(), 'id=id-1\nname=conformance.describe\nattempt=3\ntraceparent=00-ab-cd-01\n' +
    'deadline_ms=18446744073709551615\nmeta.b=1\nmeta.a=é\n');
});

withWorker('a failure is kind 1, an uncaught throw kind 2, and the worker goes on', async (host) => {
  const fail = await host.run('conformance.fail', 'no such model', { metadata: { retryable: 'true' } });
  assert.deepEqual(fail.failure, { kind: 1, message: 'no such model', retryable: true });
  const crash = await host.run('conformance.crash', 'oh no');
  assert.equal(crash.failure.kind, 2);
  assert.match(crash.failure.message, /^Error: oh no \(at .*conformance-worker/);
  assert.equal((await host.run('conformance.echo', 'still here')).output.toString(), 'still here');
});

withWorker('a cancel ends the job as its handler decides; a second and a late one change nothing', async (host) => {
  const job = host.startJob('conformance.wait');
  await host.next('JobAccepted');
  await host.next('JobOutput');
  host.send('CancelJob', { job, reason: 1 });
  host.send('CancelJob', { job, reason: 999 });
  assert.equal((await host.finish(job)).cancelled, true);
  host.send('CancelJob', { job, reason: 1 });
  host.send('JobInput', { job, last: true });
  assert.equal((await host.run('conformance.echo', 'x')).output.toString(), 'x');
});

withWorker('a cancel before the input is whole ends a job that was never accepted', async (host) => {
  const job = host.startJob('conformance.echo', 'a', { last: false });
  host.send('CancelJob', { job, reason: 1 });
  assert.equal((await host.next('JobFinished')).fields.cancelled, true);
  host.send('JobInput', { job, last: true });
  assert.equal((await host.run('conformance.echo', 'x')).output.toString(), 'x');
});

withWorker('calls: answers in any order, refusals, answers that come too late', async (host) => {
  const job = host.startJob('conformance.calls', '3');
  await host.next('JobAccepted');
  const calls = [await host.next('CallRequest'), await host.next('CallRequest'), await host.next('CallRequest')];
  assert.deepEqual(calls.map(({ fields }) => fields.call), [1, 2, 3]);
  for (const { fields, data } of calls.reverse()) host.send('CallResponse', { call: fields.call, error: null }, data);
  assert.equal((await host.finish(job)).output.toString(), '0\n1\n2\n');

  const refused = host.startJob('conformance.call', 'x', { metadata: { method: 'infer' } });
  await host.next('JobAccepted');
  const { fields: { call, method } } = await host.next('CallRequest');
  assert.equal(method, 'infer');
  host.send('CallResponse', { call, error: 'no such method' }, Buffer.from('ignored'));
  assert.match((await host.finish(refused)).failure.message, /no such method/);

  const cancelled = host.startJob('conformance.call', '', { metadata: { method: 'infer' } });
  await host.next('JobAccepted');
  const late = await host.next('CallRequest');
  host.send('CancelJob', { job: cancelled, reason: 2 });
  assert.equal((await host.finish(cancelled)).cancelled, true);
  host.send('CallResponse', { call: late.fields.call, error: null });
  assert.equal((await host.run('conformance.echo', 'x')).output.toString(), 'x');
});

withWorker('more time and retiring', async (host) => {
  const job = host.startJob('conformance.extend', '2500');
  await host.next('JobAccepted');
  assert.deepEqual((await host.next('ExtendDeadline')).fields, { which: 2, job, extra_ms: 2500 });
  assert.equal((await host.finish(job)).output.toString(), 'extended');
  const retire = host.startJob('conformance.retire', 'leaking');
  await host.next('JobAccepted');
  assert.equal((await host.next('Retire')).fields.reason, 'leaking');
  await host.finish(retire);
});

withWorker('leaves in order', async (host) => {
  const job = host.startJob('conformance.wait');
  await host.next('JobAccepted');
  await host.next('JobOutput');
  host.send('Shutdown', { reason: 1, grace_ms: 30_000 });
  assert.equal((await host.next('ShuttingDown')).fields.jobs, 1);
  assert.deepEqual((await host.next('JobFinished')).fields, { job, cancelled: true, failure: null });
  assert.equal((await host.next('Exiting')).fields.reason, 'requested');
  await host.next('END');
  assert.deepEqual(await host.gone, { code: 0, signal: null });
});

withWorker('leaves in order from a handler that does not listen, when its grace is over', async (host) => {
  host.startJob('conformance.deaf');
  await host.next('JobAccepted');
  await host.next('JobOutput');
  host.send('Shutdown', { reason: 1, grace_ms: 900 });
  await host.next('ShuttingDown');
  assert.match((await host.next('JobFinished')).fields.failure.message, /had to leave/);
  await host.next('Exiting');
  assert.deepEqual(await host.gone, { code: 0, signal: null });
});

withWorker('a blocked handler: the shutdown is acknowledged, the stack is dumped, no pong is made up', async (host) => {
  host.startJob('conformance.block', '600000');
  await host.next('JobAccepted');
  await host.next('JobOutput');
  host.send('Ping', { seq: 1 });
  // `begun` can be here before the handler has gone on to its loop.
  for (let text = ''; !/at block \(.*conformance-worker/.test(text); ) {
    host.send('DumpStacks');
    ({ fields: { text } } = await host.next('StackDump'));
  }
  host.send('Shutdown', { reason: 1, grace_ms: 300 });
  assert.equal((await host.next('ShuttingDown')).fields.jobs, 1);
  await host.next('END');
  assert.deepEqual(await host.gone, { code: null, signal: 'SIGKILL' });
});

withWorker('an idle worker dumps its stack too', async (host) => {
  host.send('DumpStacks');
  host.send('DumpStacks');
  assert.match((await host.next('StackDump')).fields.text, /^main thread/);
  assert.match((await host.next('StackDump')).fields.text, /^main thread/);
  host.send('Ping', { seq: 5 });
  assert.equal((await host.next('Pong')).fields.seq, 5);
});

for (const job of ['conformance.wait', 'conformance.deaf', 'conformance.block']) {
  withWorker(`the end of the stream ends a worker in ${job}`, async (host) => {
    host.startJob(job, '600000');
    await host.next('JobAccepted');
    await host.next('JobOutput');
    const { code, signal } = await host.close();
    assert.deepEqual([code, signal], job === 'conformance.block' ? [null, 'SIGKILL'] : [74, null]);
  });
}

test('a handler runs only when JobAccepted is with the host: not even its end comes before', { timeout: 60_000 }, async () => {
  for (let round = 0; round < 20; round += 1) {
    const host = await TestHost.ready();
    const job = host.startJob('conformance.exit', '3');
    assert.equal((await host.next('JobAccepted')).fields.job, job);
    await host.next('END');
    assert.deepEqual(await host.gone, { code: 3, signal: null });
  }
});

test('a handler waits for JobAccepted while its host does not read', { timeout: 60_000 }, async () => {
  const host = await TestHost.ready('slots 2');
  host.startJob('conformance.produce', '65536');
  host.socket.pause();
  for (let seq = 1; seq <= 20_000; seq += 1) host.send('Ping', { seq });
  if (host.socket.writableNeedDrain) await once(host.socket, 'drain');
  const job = host.startJob('conformance.exit', '3');
  host.socket.resume();
  for (let message = await host.next(); message.name !== 'JobAccepted' || message.fields.job !== job;) {
    assert.notEqual(message.name, 'END');
    message = await host.next();
  }
  assert.deepEqual(await host.gone, { code: 3, signal: null });
});

/** Resolves when a process has ended, which is no child of this one. */
async function ended(pid) {
  const isThere = () => {
    try {
      return !/^\d+ \(sleep\) Z/.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
    } catch {
      return false;
    }
  };
  while (isThere()) await new Promise((resolve) => setTimeout(resolve, 10));
}

for (const busy of [undefined, 'conformance.wait', 'conformance.deaf', 'conformance.block']) {
  test(`a worker that leads its group ends with it when the host has gone: ${busy ?? 'idle'}`, { timeout: 60_000 }, async () => {
    const host = await TestHost.start(CONFORMANCE, { detached: true });
    host.send('InitializeRequest', REQUEST);
    await host.next('InitializeResponse');
    const child = Number((await host.run('conformance.grandchild')).output);
    if (busy) {
      host.startJob(busy, '600000');
      await host.next('JobAccepted');
      await host.next('JobOutput');
    }
    assert.deepEqual(await host.close(), { code: null, signal: 'SIGKILL' });
    await ended(child);
  });
}

withWorker('a group that it does not lead lives on', async (host) => {
  const child = Number((await host.run('conformance.grandchild')).output);
  assert.deepEqual(await host.close(), { code: 74, signal: null });
  process.kill(child, 'SIGKILL');
});

withWorker('pongs tell of a late loop', async (host) => {
  const job = host.startJob('conformance.block', '300');
  await host.next('JobAccepted');
  await host.next('JobOutput');
  host.send('Ping', { seq: 9 });
  for (;;) {
    const { name, fields } = await host.next();
    if (name !== 'Pong') continue;
    assert.ok(fields.lag_us >= 200_000, `${fields.lag_us} µs`);
    break;
  }
  assert.ok(job > 0);
});

withWorker('several jobs at a time', async (host) => {
  assert.equal(host.response.fields.slots, 3);
  const jobs = [1, 2, 3].map(() => host.startJob('conformance.wait'));
  for (let count = 0; count < 6; count += 1) await host.next();
  host.send('Ping', { seq: 1 });
  assert.equal((await host.next('Pong')).fields.jobs, 3);
  host.send('CancelJob', { job: jobs[1], reason: 1 });
  assert.equal((await host.next('JobFinished')).fields.job, jobs[1]);
}, { args: 'slots 3' });

withWorker('logs lines of JSON, at the level that the host asked for', async (host) => {
  assert.equal((await host.run('conformance.log', 'héllo')).output.toString(), 'logged');
  await host.close();
  const record = JSON.parse(host.stderr.split('\n')[0]);
  assert.deepEqual([record.level, record.message, record.span], ['INFO', 'héllo', 'job']);
  assert.ok(Number.isInteger(record.elapsed_us));
  assert.equal(host.stdout, 'héllo\n');
});

withWorker('logs nothing that the host does not want', async (host) => {
  await host.run('conformance.log', 'hush');
  await host.close();
  assert.equal(host.stderr, '');
}, { request: { log_filter: 'debug,worker=warn' } });

withWorker('a grandchild does not hold the socket', async (host) => {
  const { output } = await host.run('conformance.grandchild');
  const pid = Number(output);
  const ours = fs.readlinkSync(`/proc/${host.child.pid}/fd/0`);
  const theirs = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
  process.kill(pid);
  assert.match(ours, /^socket:/);
  assert.ok(!theirs.includes(ours), `${ours} in ${theirs}`);
});

const VIOLATIONS = [
  ['GR-2.4-2', (host) => host.raw(Buffer.from('020000000f00', 'hex'))],
  ['GR-2.1-3', (host) => host.raw(Buffer.from('01000000', 'hex'))],
  ['GR-2.4-1', (host) => host.send('Retire', { reason: '' })],
  ['GR-4.1-2', (host) => host.raw(Buffer.from('020000000100', 'hex')), 'GR-3.1-1'],
  ['GR-5.4-6', (host) => { host.startJob('conformance.wait'); host.startJob('conformance.wait'); }],
  ['GR-5.4-8', (host) => host.send('JobInput', { job: host.startJob('conformance.wait'), last: true })],
  ['GR-5.6-2', (host) => host.send('CallResponse', { call: 1, error: null })],
  ['GR-5.3-3', (host) => { host.startJob('conformance.deaf'); host.send('Shutdown', { reason: 1, grace_ms: 10_000 }); host.startJob('x'); }],
  ['GR-2.3-2', (host) => { host.raw(Buffer.from('0300', 'hex')); host.socket.end(); }],
];
for (const [requirement, send, said = requirement] of VIOLATIONS) {
  withWorker(`ends the connection when the host breaks ${requirement}, and says so`, async (host) => {
    send(host);
    assert.deepEqual(await host.gone, { code: 76, signal: null }, host.stderr);
    assert.match(host.stderr, new RegExp(`the host breaks ${said}`));
  });
}

test('a preparation: more time, failure, wrong version, shutdown in it', { timeout: 60_000 }, async () => {
  const slow = await TestHost.start();
  slow.send('InitializeRequest', REQUEST, Buffer.from('extend 700'));
  assert.deepEqual((await slow.next('ExtendDeadline')).fields, { which: 1, job: 0, extra_ms: 700 });
  await slow.next('InitializeResponse');
  await slow.close();

  const failing = await TestHost.ready('fail no such model');
  assert.deepEqual(failing.response.fields.error, { code: 1, message: 'no such model' });
  assert.deepEqual(await failing.gone, { code: 1, signal: null });

  const newer = await TestHost.ready('', CONFORMANCE, { protocol_min: 2, protocol_max: 3 });
  assert.deepEqual([newer.response.fields.error.code, newer.response.fields.protocol], [2, 1]);
  assert.deepEqual(await newer.gone, { code: 1, signal: null });

  const waiting = await TestHost.start();
  waiting.send('InitializeRequest', REQUEST, Buffer.from('wait'));
  waiting.send('Shutdown', { reason: 1, grace_ms: 10_000 });
  assert.equal((await waiting.next('ShuttingDown')).fields.jobs, 0);
  await waiting.next('Exiting');
  assert.deepEqual(await waiting.gone, { code: 0, signal: null });
});

test('by hand it says what it is and exits with 64', () => {
  const { status, stderr } = spawnSync(process.execPath, [CONFORMANCE], { input: '', env: { PATH: process.env.PATH } });
  assert.equal(status, 64);
  assert.match(String(stderr), /is a Greenroom worker.*greenroom map --worker/s);
});

test('reads on while its host does not read', { timeout: 60_000 }, async () => {
  const host = await TestHost.ready('slots 2');
  host.socket.pause();
  for (let seq = 1; seq <= 20_000; seq += 1) host.send('Ping', { seq });
  // That the worker took all of it shows when the host's side is empty.
  if (host.socket.writableNeedDrain) await once(host.socket, 'drain');
  host.socket.resume();
  for (let seq = 1; seq <= 20_000; seq += 1) assert.equal((await host.next('Pong')).fields.seq, seq);
  await host.close();
});
