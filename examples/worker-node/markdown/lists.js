// Lists: which lines belong to an item, and which items to a list.

import { ITEM, continues, isBlank, isRule, lazy, parseBlocks } from './blocks.js';

/** The list that begins at a line. */
export function takeList(lines, at, definitions, depth) {
  const first = ITEM.exec(lines[at]);
  const kind = first[4] ?? first[2];
  const items = [];
  let loose = false;
  let end = at;
  for (let item = first; item && (item[4] ?? item[2]) === kind && !isRule(lines[end]); item = ITEM.exec(lines[end] ?? '')) {
    const taken = takeItem(lines, end, item);
    const blocks = parseBlocks(taken.inner, definitions, depth + 1);
    items.push({ blocks });
    loose ||= hasGap(taken.inner, depth);
    end = taken.end;
    const next = nextLine(lines, end);
    const another = ITEM.exec(lines[next] ?? '');
    if (!another || (another[4] ?? another[2]) !== kind || isRule(lines[next])) break;
    loose ||= next > end;
    end = next;
  }
  const start = first[3] === undefined ? undefined : Number(first[3]);
  return { block: { type: 'list', ordered: start !== undefined, start, loose, items }, end };
}

function nextLine(lines, at) {
  let next = at;
  while (next < lines.length && isBlank(lines[next])) next += 1;
  return next;
}

function takeItem(lines, at, [marker, indent, bullet, , , space]) {
  const rest = lines[at].slice(marker.length);
  const empty = isBlank(rest);
  // Five spaces are one and an indented code.
  const gap = empty || space.length > 4 ? 1 : space.length;
  const offset = indent.length + bullet.length + gap;
  const inner = [empty ? '' : lines[at].slice(offset)];
  let end = at + 1;
  while (end < lines.length) {
    const line = lines[end];
    if (isBlank(line)) {
      // An item may begin with one blank line at most.
      if (empty && inner.length === 1) break;
      const next = nextLine(lines, end);
      if (next >= lines.length || indentOf(lines[next]) < offset) break;
      for (; end < next; end += 1) inner.push('');
    } else if (indentOf(line) >= offset) {
      inner.push(line.slice(offset));
      end += 1;
    } else if (continues(inner, line)) {
      inner.push(lazy(line));
      end += 1;
    } else break;
  }
  return { inner, end };
}

const indentOf = (line) => /^ */.exec(line)[0].length;

/** Whether a blank line stands between two blocks of these lines, not counting those inside of one block. */
function hasGap(inner, depth) {
  for (let at = 1; at < inner.length - 1; at += 1) {
    if (!isBlank(inner[at])) continue;
    const next = nextLine(inner, at);
    const before = parseBlocks(inner.slice(0, at), new Map(), depth + 1).length;
    const after = parseBlocks(inner.slice(0, next + 1), new Map(), depth + 1).length;
    const definition = /^ {0,3}\[[^\]]+\]:/.test(inner[at - 1]) || /^ {0,3}\[[^\]]+\]:/.test(inner[next] ?? '');
    if (after > before || definition) return true;
    at = next;
  }
  return false;
}
