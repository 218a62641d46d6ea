// The end together with what this process has started, for when nobody is left to see to it.

import fs from 'node:fs';

/** Kills the process group if this process leads it. Another group holds programs that are not its children. */
export function killOwnGroup() {
  if (processGroup() === process.pid) process.kill(-process.pid, 'SIGKILL');
}

/** The field `pgrp` of `/proc/self/stat`; nothing where there is no such file. */
function processGroup() {
  try {
    const stat = fs.readFileSync('/proc/self/stat', 'latin1');
    // The name in parentheses may hold anything; behind it come state, ppid and pgrp.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
  } catch {
    return undefined;
  }
}
