// Tables as GitHub Flavored Markdown has them.

const DELIMITER = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;

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
  if (!head.includes('|') || !DELIMITER.test(delimiter)) return undefined;
  const header = cells(head);
  const aligns = cells(delimiter).map(alignment);
  if (aligns.length !== header.length) return undefined;
  const rows = [];
  let end = at + 2;
  while (end < lines.length && lines[end].trim() !== '' && !/^ {0,3}(?:>|#{1,6} |```|~~~|[-+*] )/.test(lines[end])) {
    const row = cells(lines[end]);
    rows.push(header.map((_, column) => row[column] ?? ''));
    end += 1;
  }
  return { block: { type: 'table', header, aligns, rows }, end };
}
