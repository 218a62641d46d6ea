// Every vector of the specification holds for this library.

import assert from 'node:assert/strict';
import test from 'node:test';

import { FrameDecoder } from '../src/frames.js';
import { decode, encode, readValue, writeValue } from '../src/messages.js';
import { MESSAGES } from '../src/layouts.js';
import { common, commonCapabilities, outOfRange, version } from '../src/negotiate.js';
import { Violation, malformed } from '../src/violation.js';
import { Reader, Writer, normal } from '../src/wire.js';
import { hex, vectors } from './support/spec.js';

const plain = (value) => JSON.parse(JSON.stringify(value, (_, part) =>
  part?.type === 'Buffer' ? part.data : typeof part === 'bigint' ? `${part}` : part));

function refusal(vector, work) {
  assert.throws(work, (error) => {
    assert.ok(error instanceof Violation, `${vector.description}: ${error.stack}`);
    assert.deepEqual([error.kind, error.requirement], [vector.error, vector.requirement], vector.description);
    return true;
  }, vector.description);
}

/** All frames of a stream that then ends, delivered in pieces of this size. */
function frames(bytes, limit, size, take) {
  const decoder = new FrameDecoder();
  decoder.limit = limit;
  for (let at = 0; at < bytes.length; at += size) {
    decoder.push(bytes.subarray(at, at + size));
    for (let frame = decoder.next(); frame; frame = decoder.next()) take(frame);
  }
  decoder.end();
}

test('primitives.json', () => {
  const all = vectors('primitives');
  assert.ok(all.length > 60);
  for (const vector of all) {
    const read = () => {
      const reader = new Reader(hex(vector.hex));
      const value = readValue(reader, vector.type, vector.type);
      if (vector.error === undefined || reader.left === 0) reader.mustBeCanonical();
      if (reader.left > 0) throw malformed('bytes are left');
      return value;
    };
    if (vector.error) {
      refusal(vector, read);
      continue;
    }
    assert.deepEqual(plain(read()), plain(vector.value), vector.description);
    const writer = new Writer();
    const bytes = vector.type === 'bytes';
    writeValue(writer, vector.type, bytes ? Uint8Array.from(vector.value) : vector.value);
    assert.equal(writer.done().toString('hex'), vector.hex, vector.description);
  }
});

test('frames.json, in pieces of every size', () => {
  for (const vector of vectors('frames')) {
    const bytes = hex(vector.hex);
    for (let size = 1; size <= Math.max(bytes.length, 1); size += 1) {
      const seen = [];
      const read = () => frames(bytes, vector.max_frame, size, ({ type, body }) =>
        seen.push({ type, body_hex: body.toString('hex') }));
      if (vector.error) refusal(vector, read);
      else read();
      assert.deepEqual(seen, vector.frames, vector.description);
    }
  }
});

for (const file of ['handshake', 'messages']) {
  test(`${file}.json`, () => {
    for (const vector of vectors(file)) {
      frames(hex(vector.hex), 16_777_216, 7, ({ type, body }) => {
        const direction = vector.skipped
          ? { host: 'worker-to-host', worker: 'host-to-worker' }[vector.to]
          : MESSAGES[vector.message].direction;
        const message = decode(type, body, direction);
        if (vector.skipped) return assert.equal(message, undefined, vector.description);
        assert.equal(message.name, vector.message);
        assert.deepEqual(plain(message.fields), plain(vector.fields), vector.description);
        assert.equal(Buffer.from(message.data).toString('hex'), vector.data_hex ?? '', vector.description);
      });
      if (vector.skipped) continue;
      const fields = { ...vector.fields };
      if (fields.extensions) {
        fields.extensions = fields.extensions.map((each) => ({ ...each, content: Uint8Array.from(each.content) }));
      }
      const frame = encode(vector.message, fields, hex(vector.data_hex ?? ''));
      assert.equal(frame.toString('hex'), vector.hex, vector.description);
    }
  });
}

test('malformed.json', () => {
  for (const vector of vectors('malformed')) {
    const direction = { host: 'worker-to-host', worker: 'host-to-worker' }[vector.to];
    refusal(vector, () => frames(hex(vector.hex), 65_536, 5, ({ type, body }) => decode(type, body, direction)));
  }
});

test('negotiation.json', () => {
  for (const vector of vectors('negotiation')) {
    const { description } = vector;
    if ('version' in vector) assert.equal(version(vector.host, vector.worker) ?? null, vector.version, description);
    else if ('host_limits' in vector) {
      assert.deepEqual(common(vector.host_limits, vector.worker_limits), vector.limits, description);
    } else if ('out_of_range' in vector) {
      assert.equal(outOfRange(vector.limits) ?? null, vector.out_of_range, description);
    } else {
      const bits = commonCapabilities(vector.host_capabilities, vector.worker_capabilities);
      assert.equal(normal(bits), vector.common, description);
    }
  }
});

test('large.json', () => {
  for (const vector of vectors('large')) {
    const bytes = Buffer.concat(vector.parts.map(({ hex: part, times = 1 }) => Buffer.alloc(hex(part).length * times, part, 'hex')));
    const read = () => {
      if (vector.type) {
        const reader = new Reader(bytes);
        const value = readValue(reader, vector.type, vector.type);
        reader.mustBeCanonical();
        return value;
      }
      const direction = { host: 'worker-to-host', worker: 'host-to-worker' }[vector.to];
      let message;
      frames(bytes, vector.max_frame, 60_000, ({ type, body }) => (message = decode(type, body, direction)));
      return message;
    };
    if (vector.error) refusal(vector, read);
    else if (vector.type) assert.equal(read().length, vector.length, vector.description);
    else assert.equal(read().name, vector.message, vector.description);
  }
});
