// What the Markdown renderer promises: its subset, safe output, and time that does not explode.

import assert from 'node:assert/strict';
import test from 'node:test';

import { TooLarge, render } from '../markdown/render.js';

const CASES = {
  'headings, both kinds': ['# One #\n\nTwo\n===\nThree\n---\n', '<h1>One</h1>\n<h1>Two</h1>\n<h2>Three</h2>\n'],
  'emphasis nests': ['*a **b** c* ***d*** _e_ snake_case_word\n',
    '<p><em>a <strong>b</strong> c</em> <em><strong>d</strong></em> <em>e</em> snake_case_word</p>\n'],
  'code spans keep their text': ['`` a ` *b* `` `<&>`\n', '<p><code>a ` *b*</code> <code>&lt;&amp;&gt;</code></p>\n'],
  'fenced code with a language': ['~~~rust ignore\nlet x = 1 < 2;\n\n~~~\n',
    '<pre><code class="language-rust">let x = 1 &lt; 2;\n\n</code></pre>\n'],
  'indented code': ['    a\n\n      b\n', '<pre><code>a\n\n  b\n</code></pre>\n'],
  'links of every kind': ['[a](/b "t") [c][d] [d] <https://x.y/z>\n\n[d]: <e f> \'u\'\n',
    '<p><a href="/b" title="t">a</a> <a href="e%20f" title="u">c</a> <a href="e%20f" title="u">d</a> ' +
    '<a href="https://x.y/z">https://x.y/z</a></p>\n'],
  images: ['![a *b*](c.png)\n', '<p><img src="c.png" alt="a b" /></p>\n'],
  'tight and loose lists, nested': ['- a\n  1. b\n  2. c\n- d\n\n\n3) e\n\n4) f\n',
    '<ul>\n<li>a\n<ol>\n<li>b</li>\n<li>c</li>\n</ol>\n</li>\n<li>d</li>\n</ul>\n' +
    '<ol start="3">\n<li>\n<p>e</p>\n</li>\n<li>\n<p>f</p>\n</li>\n</ol>\n'],
  'quotes with lazy lines': ['> a\nb\n> - c\nd\n\ne\n',
    '<blockquote>\n<p>a\nb</p>\n<ul>\n<li>c\nd</li>\n</ul>\n</blockquote>\n<p>e</p>\n'],
  tables: ['| a | `b\\|c` |\n|:--|--:|\n| *1* | 2 | 3 |\n| 4 |\n\nend\n',
    '<table>\n<thead>\n<tr>\n<th align="left">a</th>\n<th align="right"><code>b|c</code></th>\n</tr>\n</thead>\n<tbody>\n' +
    '<tr>\n<td align="left"><em>1</em></td>\n<td align="right">2</td>\n</tr>\n' +
    '<tr>\n<td align="left">4</td>\n<td align="right"></td>\n</tr>\n</tbody>\n</table>\n<p>end</p>\n'],
  'rules and hard breaks': ['a  \nb\\\nc\n\n* * *\n', '<p>a<br />\nb<br />\nc</p>\n<hr />\n'],
  'entities and escapes': ['&copy; &#x41; &#0; &nosuch; \\*a\\*\n', '<p>© A \ufffd &amp;nosuch; *a*</p>\n'],
  'HTML is text': ['<script>alert(1)</script>\n', '<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n'],
  'an attribute cannot be broken out of': ['[a](<x" onclick="y> "\\"z")\n',
    '<p><a href="x%22%20onclick=%22y" title="&quot;z">a</a></p>\n'],
};
for (const [name, [markdown, html]] of Object.entries(CASES)) {
  test(name, () => assert.equal(render(markdown), html));
}

test('a URL that could run something is left out', () => {
  for (const url of ['javascript:x', 'JaVaScRiPt:x', '&#106;avascript:x', 'java\\\nscript:x', 'data:text/html,x', 'vbscript:x', '<java&#10;script:x>']) {
    assert.doesNotMatch(render(`[a](${url}) ![b](${url})`), /(href|src)="[^"]/, url);
  }
});

test('hostile text takes no time to speak of and no stack', { timeout: 20_000 }, () => {
  const many = 20_000;
  for (const piece of ['*', '**a ', '[', '![', '`', '<', '&', '_a', '*a_ ', '](', '\\', '![a](', '[a](', '[a](b', '[a](b "', '[a](b (', '[a](<']) render(piece.repeat(many));
  for (const piece of ['> ', '- ', '1. ']) render(`${piece.repeat(many)}a\n`);
  for (const [open, close] of [['[', ']'], ['![', '](b)'], ['[', '[a](b)'], ['![', '[a](b)'], ['[a](', ')']]) {
    render(`${open.repeat(many)}a${close.repeat(many)}`);
  }
  for (const head of ['', '# a', '~~~ a', 'a|b\n-', '> ']) render(`${head}${' '.repeat(10 * many)}b\nc\n`);
  render(Array.from({ length: many }, (_, length) => '`'.repeat(length % 100)).join(' '));
});

test('quotes and lists that are entangled are refused, not looked at for ever', { timeout: 20_000 }, () => {
  assert.match(render(`> a\n${'b\n'.repeat(20_000)}`), /^<blockquote>\n<p>a\nb\n/);
  assert.throws(() => render('> a\nb\n'.repeat(20_000)), TooLarge);
  const nested = Array.from({ length: 40 }, (_, depth) => `${'  '.repeat(depth)}- a\n\n`).join('');
  render(nested);
});

test('a table of many columns costs what it has, and short rows are filled up to a limit', { timeout: 20_000 }, () => {
  const head = (columns) => `${'a|'.repeat(columns)}\n${'-|'.repeat(columns)}\n`;
  assert.equal(render(`${head(20_000)}b\n`).match(/<td>/g).length, 20_000);
  assert.throws(() => render(`${head(20_000)}${'|\n'.repeat(200)}`), TooLarge);
  assert.throws(() => render(`${head(900)}${'|\n'.repeat(100)}\n`.repeat(2)), TooLarge);
});
