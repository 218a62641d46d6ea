// Destinations, titles and labels of links, and which URLs are safe to follow.

import { escapeHtml, unescape } from './escape.js';

const SAFE = new Set(['http', 'https', 'mailto', 'ftp', 'ftps', 'irc', 'ircs', 'news', 'tel', 'xmpp']);

/** An `href` or `src`: percent-encoded and escaped, or empty for a scheme that could run something. */
export function url(raw) {
  // Browsers take out control characters and spaces before they look for the scheme.
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(raw.replace(/[\u0000-\u0020]/g, ''))?.[1];
  if (scheme !== undefined && !SAFE.has(scheme.toLowerCase())) return '';
  const encoded = raw.replace(/%(?![0-9a-fA-F]{2})|[^A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]+/g, (part) => encodeURIComponent(part.toWellFormed()));
  return escapeHtml(encoded);
}

/** `[label]: destination "title"` definitions are looked up without regard to case and spaces. */
export const normalLabel = (label) => label.trim().replace(/\s+/g, ' ').toLowerCase().toUpperCase();

const DESTINATION = /<((?:\\.|[^<>\\\n])*)>/y;
const TITLE = /"((?:\\[^]|[^"\\])*)"|'((?:\\[^]|[^'\\])*)'|\(((?:\\[^]|[^()\\])*)\)/y;
const SPACE = /[ \t]*\n?[ \t]*/y;

function at(pattern, text, position) {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

// As in other implementations. Each link that nothing closes adds one, so a text of many such costs no square.
const DEEPEST_PARENTHESES = 32;

/** A bare destination: it ends at a space, a control character, or the closing parenthesis that nothing in it opened. */
function bareAt(text, position) {
  let depth = 0;
  let end = position;
  for (; end < text.length && text[end] > ' '; end += 1) {
    if (text[end] === '\\' && /[!-/:-@[-`{-~]/.test(text[end + 1] ?? '')) end += 1;
    else if (text[end] === '(') {
      depth += 1;
      if (depth > DEEPEST_PARENTHESES) return undefined;
    } else if (text[end] === ')') {
      if (depth === 0) break;
      depth -= 1;
    }
  }
  return depth === 0 ? text.slice(position, end) : undefined;
}

function destinationAt(text, position) {
  if (text[position] === '<') {
    const match = at(DESTINATION, text, position);
    return match === null ? undefined : { destination: unescape(match[1]), end: position + match[0].length };
  }
  const bare = bareAt(text, position);
  return bare ? { destination: unescape(bare), end: position + bare.length } : undefined;
}

function titleAt(text, position) {
  const match = at(TITLE, text, position);
  const title = match?.[1] ?? match?.[2] ?? match?.[3];
  if (title === undefined || /\n[ \t]*\n/.test(title)) return undefined;
  return { title: unescape(title), end: position + match[0].length };
}

const skip = (text, position) => position + at(SPACE, text, position)[0].length;

/** `(destination "title")` at a position. */
export function inlineTarget(text, position) {
  if (text[position] !== '(') return undefined;
  let end = skip(text, position + 1);
  const target = destinationAt(text, end);
  end = target?.end ?? end;
  const space = skip(text, end);
  const title = space > end ? titleAt(text, space) : undefined;
  end = skip(text, title?.end ?? end);
  return text[end] === ')'
    ? { destination: target?.destination ?? '', title: title?.title, end: end + 1 }
    : undefined;
}

const LABEL = /\[((?:\\.|[^\\[\]]){0,999})\]/sy;

/** `[label]` at a position. */
export function labelAt(text, position) {
  const match = at(LABEL, text, position);
  return match === null ? undefined : { label: match[1], end: position + match[0].length };
}

/** A definition at the beginning of a paragraph. */
export function definitionAt(text) {
  const label = labelAt(text, /^ {0,3}/.exec(text)[0].length);
  if (label === undefined || label.label.trim() === '' || text[label.end] !== ':') return undefined;
  const target = destinationAt(text, skip(text, label.end + 1));
  if (target === undefined) return undefined;
  const lineEnd = /[ \t]*(?:\n|$)/y;
  const space = skip(text, target.end);
  const title = space > target.end ? titleAt(text, space) : undefined;
  const titleEnds = title && at(lineEnd, text, title.end);
  const ends = titleEnds ? undefined : at(lineEnd, text, target.end);
  if (!titleEnds && !ends) return undefined;
  return {
    label: normalLabel(label.label), destination: target.destination, title: titleEnds ? title.title : undefined,
    end: titleEnds ? title.end + titleEnds[0].length : target.end + ends[0].length,
  };
}
