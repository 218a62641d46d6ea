// The layouts in this library are those of messages.toml: none more, none less.

import assert from 'node:assert/strict';
import test from 'node:test';

import * as layouts from '../src/layouts.js';
import { registry } from './support/spec.js';

const toml = registry();
const pairs = (fields) => fields.map(({ name, type }) => [name, type]);
const byName = (entries, value) => Object.fromEntries(entries.map((entry) => [entry.name, value(entry)]));

test('messages', () => {
  const expected = byName(toml.message, ({ number, direction, data, fields }) =>
    ({ number, direction, data, fields: pairs(fields) }));
  assert.equal(Object.keys(expected).length, 20);
  assert.deepEqual(layouts.MESSAGES, expected);
});

test('structs', () => {
  assert.deepEqual(layouts.STRUCTS, byName(toml.struct, ({ fields }) => pairs(fields)));
});

test('enumerations and bit sets', () => {
  assert.deepEqual(layouts.NUMBERS, byName([...toml.enumeration, ...toml.bitset], ({ type }) => type));
  const expected = {
    ShutdownReason: layouts.SHUTDOWN_REASON,
    CancelReason: layouts.CANCEL_REASON,
    DeadlineKind: layouts.DEADLINE_KIND,
    FailureKind: layouts.FAILURE_KIND,
    InitializeCode: layouts.INITIALIZE_CODE,
  };
  assert.deepEqual(expected, byName(toml.enumeration, ({ values }) => byName(values, ({ number }) => number)));
  assert.deepEqual(layouts.CAPABILITY_BIT, byName(toml.bitset[0].bits, ({ bit }) => bit));
});
