// From lines to a tree of blocks. Block quotes and list items are unwrapped and parsed in their turn.

import { look } from './effort.js';
import { definitionAt } from './links.js';
import { takeList } from './lists.js';
import { tableAt } from './tables.js';

// Deeper ones are text: recursion must not depend on a hostile file.
const DEEPEST = 50;

const FENCE = /^( {0,3})(`{3,}(?=[^`]*$)|~{3,})(.*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t](.*))?$/;
const RULE = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const UNDERLINE = /^ {0,3}(=+|-+)[ \t]*$/;
const QUOTE = /^ {0,3}>/;
export const ITEM = /^( {0,3})([-+*]|(\d{1,9})([.)]))( +|$)/;

export const isBlank = (line) => /^[ \t]*$/.test(line);
export const isRule = (line) => RULE.test(line);

/** Tabs at the beginning of a line, and after the markers there, become spaces to the next multiple of four. */
function expandTabs(line) {
  if (!line.includes('\t')) return line;
  let column = 0;
  let leading = true;
  return line.replace(/[^]/gu, (character) => {
    leading &&= /[\s>*+-]/.test(character);
    const width = character === '\t' && leading ? 4 - (column % 4) : 1;
    column += width;
    return character === '\t' && leading ? ' '.repeat(width) : character;
  });
}

/** @returns {{ blocks: object[], definitions: Map }} */
export function parse(text) {
  const definitions = new Map();
  const lines = text.replace(/\u0000/g, '\ufffd').replace(/(?:\r\n|\n|\r)$/, '').split(/\r\n|\n|\r/);
  // Tabs inside of code fences are text.
  let fence;
  const expanded = lines.map((line) => {
    const match = FENCE.exec(line);
    if (fence === undefined && match) fence = match[2][0];
    else if (fence !== undefined && match?.[2][0] === fence) fence = undefined;
    else if (fence !== undefined) return line;
    return expandTabs(line);
  });
  return { blocks: parseBlocks(expanded, definitions, 0), definitions };
}

/** Whether a line ends the paragraph before it. */
export function interrupts(line) {
  if (FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line)) return true;
  const item = ITEM.exec(line);
  // An empty item, or one that does not begin with 1, is more likely text.
  return item !== null && !isBlank(line.slice(item[0].length)) && (item[3] === undefined || Number(item[3]) === 1);
}

export function parseBlocks(lines, definitions, depth) {
  look(lines);
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (isBlank(lines[at])) {
      at += 1;
      continue;
    }
    const { block, end } = blockAt(lines, at, definitions, depth);
    if (block) blocks.push(block);
    at = end;
  }
  return blocks;
}

function blockAt(lines, at, definitions, depth) {
  const line = lines[at];
  if (/^ {4}/.test(line)) return indentedCode(lines, at);
  const fence = FENCE.exec(line);
  if (fence) return fencedCode(lines, at, fence);
  const heading = HEADING.exec(line);
  if (heading) {
    return { block: { type: 'heading', level: heading[1].length, text: withoutClosingMarks(heading[2] ?? '') }, end: at + 1 };
  }
  if (RULE.test(line)) return { block: { type: 'rule' }, end: at + 1 };
  if (depth < DEEPEST) {
    if (QUOTE.test(line)) return quote(lines, at, definitions, depth);
    if (ITEM.test(line)) return takeList(lines, at, definitions, depth);
  }
  return tableAt(lines, at) ?? paragraph(lines, at, definitions);
}

/** The text of a heading without the marks that may stand at its end, behind a space. */
function withoutClosingMarks(line) {
  const text = line.trim();
  let end = text.length;
  while (text[end - 1] === '#') end -= 1;
  return end === 0 || /[ \t]/.test(text[end - 1]) ? text.slice(0, end).trimEnd() : text;
}

function indentedCode(lines, at) {
  let end = at;
  while (end < lines.length && (/^ {4}/.test(lines[end]) || isBlank(lines[end]))) end += 1;
  while (isBlank(lines[end - 1])) end -= 1;
  const text = lines.slice(at, end).map((line) => `${line.replace(/^ {1,4}/, '')}\n`).join('');
  return { block: { type: 'code', info: '', text }, end };
}

function fencedCode(lines, at, [, indent, marker, after]) {
  const closing = new RegExp(`^ {0,3}${marker[0]}{${marker.length},}[ \\t]*$`);
  let end = at + 1;
  while (end < lines.length && !closing.test(lines[end])) end += 1;
  const stripped = new RegExp(`^ {0,${indent.length}}`);
  const text = lines.slice(at + 1, end).map((line) => `${line.replace(stripped, '')}\n`).join('');
  return { block: { type: 'code', info: after.trim(), text }, end: Math.min(end + 1, lines.length) };
}

function quote(lines, at, definitions, depth) {
  const inner = [];
  let end = at;
  while (end < lines.length) {
    const line = lines[end];
    if (QUOTE.test(line)) inner.push(line.replace(/^ {0,3}> ?/, ''));
    else if (continues(inner, line)) inner.push(lazy(line));
    else break;
    end += 1;
  }
  return { block: { type: 'quote', blocks: parseBlocks(inner, definitions, depth + 1) }, end };
}

/** Whether a line without its marker goes on with the paragraph at the end of these lines. */
export function continues(inner, line) {
  if (inner.length === 0 || isBlank(line) || isBlank(inner.at(-1)) || interrupts(line) || ITEM.test(line)) return false;
  // The line before has gone on with it too.
  if (LAZY.test(inner.at(-1))) return true;
  let begin = inner.length - 1;
  while (begin > 0 && !isBlank(inner[begin - 1])) begin -= 1;
  if (fenceIsOpen(inner)) return false;
  return endsInParagraph(parseBlocks(inner.slice(begin), new Map(), DEEPEST - 8));
}

/** A line that continues lazily is text, whatever it looks like: so far to the right nothing else can begin. */
export const lazy = (line) => ' '.repeat(200) + line.trimStart();
const LAZY = /^ {200}[^ ]/;

function fenceIsOpen(lines) {
  look(lines);
  let open;
  for (const line of lines) {
    const match = FENCE.exec(line);
    if (match === null) continue;
    if (open === undefined) open = match[2];
    else if (match[2].startsWith(open) && match[3].trim() === '') open = undefined;
  }
  return open !== undefined;
}

function endsInParagraph(blocks) {
  const last = blocks.at(-1);
  if (last?.type === 'list') return endsInParagraph(last.items.at(-1).blocks);
  if (last?.type === 'quote') return endsInParagraph(last.blocks);
  return last?.type === 'paragraph';
}

function paragraph(lines, at, definitions) {
  let end = at + 1;
  let underline;
  while (end < lines.length && !isBlank(lines[end])) {
    underline = UNDERLINE.exec(lines[end]);
    if (underline || interrupts(lines[end]) || tableAt(lines, end)) break;
    underline = null;
    end += 1;
  }
  let text = lines.slice(at, end).map((line) => line.trimStart()).join('\n').trimEnd();
  for (let found = definitionAt(text); found; found = definitionAt(text)) {
    if (!definitions.has(found.label)) definitions.set(found.label, found);
    text = text.slice(found.end);
  }
  if (underline) {
    if (text !== '') return { block: { type: 'heading', level: underline[1][0] === '=' ? 1 : 2, text }, end: end + 1 };
    // Nothing but definitions stood above the line: it is text.
    return { block: { type: 'paragraph', text: lines[end].trim() }, end: end + 1 };
  }
  return { block: text === '' ? undefined : { type: 'paragraph', text }, end };
}
