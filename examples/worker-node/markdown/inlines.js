// What stands inside a paragraph, a heading or a cell: code, links, images, breaks, emphasis.
//
// The text becomes a list of nodes; runs of `*` and `_` and brackets are nodes that may turn into
// tags later (the specification's appendix "A parsing strategy").

import { pairDelimiters, run as delimiterRun } from './emphasis.js';
import { PUNCTUATION, entityAt, escapeHtml } from './escape.js';
import { inlineTarget, labelAt, normalLabel, url } from './links.js';

const AUTOLINK = /<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>\u0000-\u001f]*)>/y;
const EMAIL = /<([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*)>/y;
// A label has no more (section 4.7 of the specification).
const LONGEST_LABEL = 999;
// The text of an image holds that of each image in it; deeper ones are text.
const DEEPEST_IMAGE = 10;
const PLAIN = /[^\\`*_[\]!<&\n]+/y;

const text = (plain) => ({ html: escapeHtml(plain), plain });
const html = (nodes) => nodes.map((node) => `${node.closes ?? ''}${node.html}${node.opens ?? ''}`).join('');
const plain = (nodes) => nodes.map((node) => (node.character ? node.html : node.plain)).join('');

/** HTML of a text. `definitions` maps labels to targets. */
export function renderInlines(source, definitions) {
  const nodes = [];
  const brackets = new Brackets();
  const backticks = new Map();
  let at = 0;
  while (at < source.length) at = step(source, at, nodes, brackets, definitions, backticks);
  pairDelimiters(nodes, 0);
  return html(nodes);
}

/** The `[` and `![` that may still become a link or an image. */
class Brackets {
  #open = [];
  /** So many of the first ones stand in front of a link, which no other link may hold. */
  #beforeLink = 0;

  push(bracket) {
    this.#open.push(bracket);
  }

  /** The last one, or nothing if it is none any more. */
  pop() {
    const bracket = this.#open.pop();
    const active = bracket?.image || this.#open.length >= this.#beforeLink;
    this.#beforeLink = Math.min(this.#beforeLink, this.#open.length);
    return active ? bracket : undefined;
  }

  /** A link has closed: all that are open stand in front of it. */
  linked() {
    this.#beforeLink = this.#open.length;
  }
}

function match(pattern, source, at) {
  pattern.lastIndex = at;
  return pattern.exec(source);
}

/** Adds what stands at a position, and gives the position after it. */
function step(source, at, nodes, brackets, definitions, backticks) {
  const character = source[at];
  const add = (node, length) => {
    nodes.push(node);
    return at + length;
  };
  switch (character) {
    case '\\':
      if (source[at + 1] === '\n') return add({ html: '<br />\n', plain: '\n' }, 2 + spaces(source, at + 2));
      if (PUNCTUATION.test(source[at + 1] ?? '')) return add(text(source[at + 1]), 2);
      return add(text('\\'), 1);
    case '\n': {
      const last = nodes.at(-1);
      const isText = last !== undefined && last.opens === undefined;
      const hard = isText && last.html.endsWith('  ');
      if (isText) last.html = withoutSpacesAtEnd(last.html);
      return add({ html: hard ? '<br />\n' : '\n', plain: '\n' }, 1 + spaces(source, at + 1));
    }
    case '`': {
      const code = codeAt(source, at, backticks);
      return add(code.node, code.length);
    }
    case '<': {
      const link = match(AUTOLINK, source, at);
      const email = link ? null : match(EMAIL, source, at);
      if (!link && !email) return add(text('<'), 1);
      const target = link ? link[1] : `mailto:${email[1]}`;
      const shown = (link ?? email)[1];
      return add({ html: `<a href="${url(target)}">${escapeHtml(shown)}</a>`, plain: shown }, shown.length + 2);
    }
    case '&': {
      const entity = entityAt(source.slice(at, at + 40));
      return entity ? add(text(entity.text), entity.length) : add(text('&'), 1);
    }
    case '*':
    case '_': {
      const run = delimiterRun(source, at);
      return add(run, run.count);
    }
    case '!':
      if (source[at + 1] !== '[') return add(text('!'), 1);
      brackets.push({ index: nodes.length, at: at + 2, image: true });
      return add(text('!['), 2);
    case '[':
      brackets.push({ index: nodes.length, at: at + 1, image: false });
      return add(text('['), 1);
    case ']':
      return closeBracket(source, at, nodes, brackets, definitions);
    default: {
      const run = match(PLAIN, source, at)?.[0] ?? character;
      return add(text(run), run.length);
    }
  }
}

/** A pattern like / +$/ would look at each run of spaces again from each of its spaces. */
function withoutSpacesAtEnd(line) {
  let end = line.length;
  while (line[end - 1] === ' ') end -= 1;
  return line.slice(0, end);
}

const spaces = (source, at) => match(/[ \t]*/y, source, at)[0].length;

function codeAt(source, at, backticks) {
  const ticks = match(/`+/y, source, at)[0];
  // Where each length of run was last looked for in vain: a text of backticks only costs one search for each length.
  if (backticks.get(ticks.length) === undefined) {
    const run = /`+/g;
    run.lastIndex = at + ticks.length;
    for (let end = run.exec(source); end; end = run.exec(source)) {
      if (end[0].length !== ticks.length) continue;
      let code = source.slice(at + ticks.length, end.index).replace(/\n/g, ' ');
      if (/^ .* $/.test(code) && /[^ ]/.test(code)) code = code.slice(1, -1);
      return { node: { html: `<code>${escapeHtml(code)}</code>`, plain: code, opens: '' }, length: end.index + ticks.length - at };
    }
    backticks.set(ticks.length, at);
  }
  return { node: { ...text(ticks), opens: '' }, length: ticks.length };
}

function closeBracket(source, at, nodes, brackets, definitions) {
  const opener = brackets.pop();
  const target = opener && targetAfter(source, at, opener, definitions);
  if (target === undefined || (opener.image && imagesIn(nodes, opener.index) >= DEEPEST_IMAGE)) {
    nodes.push(text(']'));
    return at + 1;
  }
  pairDelimiters(nodes, opener.index + 1);
  const inner = nodes.splice(opener.index).slice(1);
  const title = target.title === undefined ? '' : ` title="${escapeHtml(target.title)}"`;
  nodes.push(opener.image
    ? { html: `<img src="${url(target.destination)}" alt="${escapeHtml(plain(inner))}"${title} />`, plain: plain(inner), images: imagesIn(inner, 0) + 1 }
    : { html: `<a href="${url(target.destination)}"${title}>${html(inner)}</a>`, plain: plain(inner), images: imagesIn(inner, 0) });
  // A link holds no other link.
  if (!opener.image) brackets.linked();
  return target.end;
}

/** How deep images are nested in the nodes from an index on. */
function imagesIn(nodes, from) {
  let deepest = 0;
  for (let index = from; index < nodes.length; index += 1) deepest = Math.max(deepest, nodes[index].images ?? 0);
  return deepest;
}

function targetAfter(source, at, opener, definitions) {
  const inline = inlineTarget(source, at + 1);
  if (inline) return inline;
  const label = labelAt(source, at + 1);
  if (!label && at - opener.at > LONGEST_LABEL) return undefined;
  const named = label && label.label.trim() !== '';
  const key = normalLabel(named ? label.label : source.slice(opener.at, at));
  const definition = definitions.get(key);
  return definition && { ...definition, end: label ? label.end : at + 1 };
}
