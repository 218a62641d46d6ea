// Text that is safe in HTML, and the entities and escapes of Markdown.

const HTML = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export const escapeHtml = (text) => text.replace(/[&<>"]/g, (character) => HTML[character]);

export const PUNCTUATION = /[!-/:-@[-`{-~]/;

// The named entities that this renderer knows; another one stays as it was written.
const NAMED = {
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', copy: '©', reg: '®', trade: '™', hellip: '…',
  ndash: '–', mdash: '—', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', laquo: '«', raquo: '»', bull: '•',
  middot: '·', deg: '°', plusmn: '±', times: '×', divide: '÷', micro: 'µ', para: '¶', sect: '§', euro: '€',
  pound: '£', yen: '¥', cent: '¢', larr: '←', uarr: '↑', rarr: '→', darr: '↓', harr: '↔', le: '≤', ge: '≥', ne: '≠',
  infin: '∞', frac12: '½', frac14: '¼', frac34: '¾', auml: 'ä', ouml: 'ö', uuml: 'ü', Auml: 'Ä', Ouml: 'Ö',
  Uuml: 'Ü', szlig: 'ß', AElig: 'Æ', aelig: 'æ', eacute: 'é', egrave: 'è', agrave: 'à', ccedil: 'ç', ntilde: 'ñ',
  shy: '\u00ad', ensp: '\u2002', emsp: '\u2003', thinsp: '\u2009', Dcaron: 'Ď', HilbertSpace: 'ℋ',
};

const ENTITY = /&(?:#[xX]([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([A-Za-z][A-Za-z0-9]{1,31}));/;

/** The entity at the beginning of a text, as its length and what it stands for. */
export function entityAt(text) {
  const match = new RegExp(`^${ENTITY.source}`).exec(text);
  if (match === null) return undefined;
  const [whole, hex, decimal, name] = match;
  if (name !== undefined) return Object.hasOwn(NAMED, name) ? { length: whole.length, text: NAMED[name] } : undefined;
  const code = hex !== undefined ? parseInt(hex, 16) : Number(decimal);
  const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return { length: whole.length, text: String.fromCodePoint(valid ? code : 0xfffd) };
}

/** Resolves backslash escapes and entities, as in link destinations and info strings. */
export const unescape = (text) =>
  text.replace(new RegExp(`\\\\(${PUNCTUATION.source})|${ENTITY.source}`, 'g'), (whole, escaped) =>
    escaped ?? entityAt(whole)?.text ?? whole);
