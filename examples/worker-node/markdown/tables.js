// Tables as GitHub Flavored Markdown has them.

/** The cells of a row: `|` separates them unless it is escaped. */
function cells(line) {
  const inner = line.trim().replace(/^\|/, '').replace(/(?<!\\)\|$/, '');
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, '|'));
}

function alignment(cell) {
  const left = cell.startsWith(':');
  const right = cell.endsWith(':');
  return left && right ? 'center' : right ? 'right' : left ? 'left' : undefined;
}

/** The table that begins at a line. */
export function tableAt(lines, at) {
  const [head, delimiter] = [lines[at], lines[at + 1] ?? ''];
  if (!head.includes('|') || !/^ {0,3}[-:|]/.test(delimiter)) return undefined;
  const marks = cells(delimiter);
  if (!marks.every((mark) => /^:?-+:?$/.test(mark))) return undefined;
  const header = cells(head);
  const aligns = marks.map(alignment);
  if (aligns.length !== header.length) return undefined;
  const rows = [];
  let end = at + 2;
  while (end < lines.length && lines[end].trim() !== '' && !/^ {0,3}(?:>|#{1,6} |```|~~~|[-+*] )/.test(lines[end])) {
    rows.push(cells(lines[end]).slice(0, header.length));
    end += 1;
  }
  return { block: { type: 'table', header, aligns, rows }, end };
}
