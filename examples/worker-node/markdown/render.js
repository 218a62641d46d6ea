// From Markdown to HTML.

import { parse } from './blocks.js';
import { TooLarge, begin, fill } from './effort.js';
import { escapeHtml, unescape } from './escape.js';
import { renderInlines } from './inlines.js';

export { TooLarge };

/** The HTML of a Markdown text, without a page around it. Throws {@link TooLarge}. */
export function render(text) {
  begin();
  const { blocks, definitions } = parse(text);
  return renderBlocks(blocks, (source) => renderInlines(source, definitions));
}

const renderBlocks = (blocks, inline) => blocks.map((block) => RENDER[block.type](block, inline)).join('');

const RENDER = {
  rule: () => '<hr />\n',
  heading: ({ level, text }, inline) => `<h${level}>${inline(text.trim())}</h${level}>\n`,
  paragraph: ({ text }, inline) => `<p>${inline(text)}</p>\n`,
  quote: ({ blocks }, inline) => `<blockquote>\n${renderBlocks(blocks, inline)}</blockquote>\n`,
  code: ({ info, text }) => {
    const language = unescape(info).split(/\s/)[0];
    return `<pre><code${language ? ` class="language-${escapeHtml(language)}"` : ''}>${escapeHtml(text)}</code></pre>\n`;
  },
  list: ({ ordered, start, loose, items }, inline) => {
    const tag = ordered ? 'ol' : 'ul';
    const from = ordered && start !== 1 ? ` start="${start}"` : '';
    return `<${tag}${from}>\n${items.map((item) => renderItem(item, loose, inline)).join('')}</${tag}>\n`;
  },
  table: ({ header, aligns, rows }, inline) => {
    const row = (tag, cells) => `<tr>\n${cells.map((cell, column) => {
      const align = aligns[column] ? ` align="${aligns[column]}"` : '';
      return `<${tag}${align}>${inline(cell)}</${tag}>\n`;
    }).join('')}</tr>\n`;
    const body = rows.length > 0 ? `<tbody>\n${rows.map((cells) => row('td', [...cells, ...fill(header.length - cells.length)])).join('')}</tbody>\n` : '';
    return `<table>\n<thead>\n${row('th', header)}</thead>\n${body}</table>\n`;
  },
};

function renderItem({ blocks }, loose, inline) {
  if (loose) return blocks.length > 0 ? `<li>\n${renderBlocks(blocks, inline)}</li>\n` : '<li></li>\n';
  // In a tight list a paragraph is bare text.
  const parts = blocks.map((block) =>
    block.type === 'paragraph' ? { bare: true, html: inline(block.text) } : { bare: false, html: renderBlocks([block], inline) });
  const inner = parts.map(({ bare, html }, at) =>
    `${!bare && (at === 0 || parts[at - 1].bare) ? '\n' : ''}${html}${bare && parts[at + 1]?.bare ? '\n' : ''}`).join('');
  return `<li>${inner}</li>\n`;
}
