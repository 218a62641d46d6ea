// Readers of the specification's files: exact JSON numbers, and the little of TOML that messages.toml uses.

import fs from 'node:fs';

import { normal } from '../../src/wire.js';

export const SPEC = new URL('../../../../proto-spec/', import.meta.url);

/** The vectors of one file. Integers that a double cannot hold become bigints. */
export function vectors(name) {
  const text = fs.readFileSync(new URL(`vectors/${name}.json`, SPEC), 'utf8');
  const tagged = text.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}/g, (token) =>
    token.startsWith('"') ? token : `{"$integer":"${token}"}`);
  return JSON.parse(tagged, (_, value) => (value?.$integer === undefined ? value : normal(BigInt(value.$integer))));
}

/** Tables of `[[name]]` with string, number, bool and list values; every value is also valid JSON once its keys are quoted. */
export function registry() {
  const text = fs.readFileSync(new URL('messages.toml', SPEC), 'utf8').replace(/^\s*#.*$/gm, '');
  const tables = {};
  for (const section of text.split(/^\[\[/m).slice(1)) {
    const [, name, body] = /^(\w+)\]\]\n([\s\S]*)$/.exec(section);
    const entries = {};
    for (const [, key, value] of body.matchAll(/^(\w+) = ([\s\S]*?)(?=^\w+ = |$(?![\s\S]))/gm)) {
      entries[key] = JSON.parse(value.replace(/(\w+) = /g, '"$1": ').replace(/,\s*\]/g, ']'));
    }
    (tables[name] ??= []).push(entries);
  }
  return tables;
}

export const hex = (text) => Buffer.from(text, 'hex');
