// Which runs of `*` and `_` become emphasis (rules 1 to 17 of CommonMark's section 6.2).

const SPACE = /^\s?$/u;
const PUNCTUATION = /[\p{P}\p{S}]/u;

/** The run of one character at a position, as a node. */
export function run(source, at) {
  const character = source[at];
  let end = at;
  while (source[end] === character) end += 1;
  const before = [...source.slice(Math.max(0, at - 2), at)].at(-1) ?? '';
  const after = String.fromCodePoint(source.codePointAt(end) ?? 32);
  const left = !SPACE.test(after) && (!PUNCTUATION.test(after) || SPACE.test(before) || PUNCTUATION.test(before));
  const right = !SPACE.test(before) && (!PUNCTUATION.test(before) || SPACE.test(after) || PUNCTUATION.test(after));
  const star = character === '*';
  const count = end - at;
  return {
    character, count, left: count,
    canOpen: left && (star || !right || PUNCTUATION.test(before)),
    canClose: right && (star || !left || PUNCTUATION.test(after)),
    opens: '', closes: '', plain: '', html: character.repeat(count),
  };
}

/** Turns pairs of runs, from a position in the list on, into tags. */
export function pairDelimiters(nodes, from) {
  const openers = [];
  // Where a search ended in vain is not searched again, so that no text costs the square of its length.
  const bottom = new Map();
  for (const node of nodes.slice(from)) {
    if (node.character === undefined || node.done) continue;
    if (node.canClose) close(node, openers, bottom);
    if (node.canOpen && node.left > 0) openers.push(node);
  }
  for (const node of nodes.slice(from)) if (node.character !== undefined) node.done = true;
}

function close(closer, openers, bottom) {
  while (closer.left > 0) {
    const key = `${closer.character}${closer.canOpen}${closer.count % 3}`;
    let index = openers.length - 1;
    const least = bottom.get(key) ?? 0;
    while (index >= least && !pairs(openers[index], closer)) index -= 1;
    if (index < least) {
      bottom.set(key, openers.length);
      return;
    }
    openers.length = index + 1;
    for (const [each, position] of bottom) if (position > openers.length) bottom.set(each, openers.length);
    const opener = openers[index];
    const used = opener.left >= 2 && closer.left >= 2 ? 2 : 1;
    const tag = used === 2 ? 'strong' : 'em';
    opener.opens = `<${tag}>${opener.opens}`;
    closer.closes += `</${tag}>`;
    for (const node of [opener, closer]) {
      node.left -= used;
      node.html = node.character.repeat(node.left);
    }
    if (opener.left === 0) openers.pop();
  }
}

function pairs(opener, closer) {
  if (opener.character !== closer.character) return false;
  const both = opener.canClose || closer.canOpen;
  return !(both && (opener.count + closer.count) % 3 === 0 && !(opener.count % 3 === 0 && closer.count % 3 === 0));
}
