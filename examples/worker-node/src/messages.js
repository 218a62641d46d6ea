// From a message to its body and back, as its layout says.

import { MESSAGES, NUMBERS, STRUCTS } from './layouts.js';
import { Violation, malformed } from './violation.js';
import { Reader, Writer } from './wire.js';

/** @typedef {Record<string, any>} Fields */
/** @typedef {{ name: string, fields: Fields, data: Uint8Array }} Message */

const MOST_FIELD_BYTES = 131_072;
const IGNORABLE = 0x8000;
const NOTHING = new Uint8Array(0);

const BY_NUMBER = new Map(Object.entries(MESSAGES).map(([name, layout]) => [layout.number, name]));

/**
 * The message of a frame, or `undefined` for one to be skipped.
 * @param {number} type
 * @param {Uint8Array} body
 * @param {import('./layouts.js').Direction} direction from where to where it went
 * @returns {Message | undefined}
 */
export function decode(type, body, direction) {
  const name = BY_NUMBER.get(type);
  if (name === undefined) {
    if (type & IGNORABLE) return undefined;
    throw new Violation('GR-2.4-2', 'UnknownType', `type ${type} is unknown and may not be skipped`);
  }
  const layout = layoutOf(name);
  if (layout.direction !== direction) {
    throw new Violation('GR-2.4-1', 'WrongDirection', `${name} goes ${layout.direction}`);
  }

  const reader = new Reader(body);
  const fields = readFields(reader, layout.fields, name);
  if (reader.position > MOST_FIELD_BYTES) throw malformed(`the fields of ${name} have ${reader.position} bytes`);
  if (fields.cancelled === true && fields.failure) throw malformed(`${name} is both cancelled and failed (GR-5.4-12)`);
  reader.mustBeCanonical();
  if (!layout.data && reader.left > 0) {
    throw new Violation('GR-3.1-2', 'Trailing', `${reader.left} bytes come after the last field of ${name}`);
  }
  return { name, fields, data: layout.data ? body.subarray(reader.position) : NOTHING };
}

/**
 * A whole frame.
 * @param {string} name
 * @param {Fields} fields
 * @param {Uint8Array} [data]
 */
export function encode(name, fields, data = NOTHING) {
  const layout = layoutOf(name);
  const writer = new Writer();
  writer.raw(Buffer.alloc(6));
  writeFields(writer, layout.fields, fields);
  writer.raw(data);
  const frame = writer.done();
  frame.writeUInt32LE(frame.length - 4, 0);
  frame.writeUInt16LE(layout.number, 4);
  return frame;
}

/** The longest start of a text that has at most so many bytes. @param {string} text @param {number} bytes */
export function shorten(text, bytes) {
  const raw = Buffer.from(text, 'utf8');
  if (raw.length <= bytes) return text;
  let end = bytes;
  while (end > 0 && ((raw[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return raw.toString('utf8', 0, end);
}

/** @param {string} name */
function layoutOf(name) {
  const layout = MESSAGES[name];
  if (layout === undefined) throw new TypeError(`there is no message ${name}`);
  return layout;
}

/** @param {Reader} reader @param {import('./layouts.js').Fields} fields @param {string} owner */
function readFields(reader, fields, owner) {
  /** @type {Fields} */
  const values = {};
  for (const [name, type] of fields) values[name] = readValue(reader, type, `${owner}.${name}`);
  return values;
}

/** @param {Reader} reader @param {string} type @param {string} what @returns {any} */
export function readValue(reader, type, what) {
  const inner = type.slice(type.indexOf('<') + 1, -1);
  if (type.startsWith('Option<')) return reader.bool(what) ? readValue(reader, inner, what) : null;
  if (type.startsWith('Vec<')) {
    const items = [];
    for (let left = reader.count(what); left > 0; left -= 1) items.push(readValue(reader, inner, what));
    return items;
  }
  const struct = STRUCTS[type];
  if (struct) return readFields(reader, struct, what);
  switch (NUMBERS[type] ?? type) {
    case 'u8': return reader.u8(what);
    case 'u16': return reader.integer('u16', what);
    case 'u32': return reader.integer('u32', what);
    case 'u64': return reader.integer('u64', what);
    case 'i64': return reader.i64(what);
    case 'bool': return reader.bool(what);
    case 'String': return reader.string(what);
    case 'bytes': return reader.bytes(what);
    default: throw new TypeError(`there is no type ${type}`);
  }
}

/** @param {Writer} writer @param {import('./layouts.js').Fields} fields @param {Fields} values */
function writeFields(writer, fields, values) {
  for (const [name, type] of fields) writeValue(writer, type, values[name]);
}

/** @param {Writer} writer @param {string} type @param {any} value @returns {void} */
export function writeValue(writer, type, value) {
  const inner = type.slice(type.indexOf('<') + 1, -1);
  if (type.startsWith('Option<')) {
    writer.u8(value === null ? 0 : 1);
    if (value !== null) writeValue(writer, inner, value);
    return;
  }
  if (type.startsWith('Vec<')) {
    writer.integer('u64', value.length);
    for (const item of value) writeValue(writer, inner, item);
    return;
  }
  const struct = STRUCTS[type];
  if (struct) return writeFields(writer, struct, value);
  switch (NUMBERS[type] ?? type) {
    case 'u8': return writer.u8(value);
    case 'u16': return writer.integer('u16', value);
    case 'u32': return writer.integer('u32', value);
    case 'u64': return writer.integer('u64', value);
    case 'i64': return writer.i64(value);
    case 'bool': return writer.u8(value ? 1 : 0);
    case 'String': return writer.string(value);
    case 'bytes': return writer.bytes(value);
    default: throw new TypeError(`there is no type ${type}`);
  }
}
