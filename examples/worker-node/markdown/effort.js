// How much a text may cost. What a text asks for can grow much faster than itself: quotes and lists
// are looked at again and again to tell where they end, and short rows of tables are filled up.

// A file of the largest size, with lists in lists, takes a fraction of it.
const MOST_READ = 100_000_000;
const MOST_FILLED = 100_000;
// What a line costs besides its characters.
const PER_LINE = 16;

/** The text asks for more than this renderer does. */
export class TooLarge extends Error {}

// Rendering never waits, so there is only one text at a time.
let read = 0;
let filled = 0;

/** Another text begins. */
export function begin() {
  read = 0;
  filled = 0;
}

/** These lines are looked at. @param {string[]} lines */
export function look(lines) {
  for (const line of lines) read += line.length + PER_LINE;
  if (read > MOST_READ) throw new TooLarge('its quotes and lists are too entangled');
}

/** Empty cells for the end of a short row. @param {number} count @returns {string[]} */
export function fill(count) {
  filled += count;
  if (filled > MOST_FILLED) throw new TooLarge(`the rows of its tables lack more than ${MOST_FILLED} cells`);
  return Array(count).fill('');
}
