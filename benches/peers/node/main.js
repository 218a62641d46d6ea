'use strict';
// Measures one Node peer once: the plan is the argument, as JSON, and so is the answer.

const { measure, Unable } = require('./measure.js');

// A peer's module is loaded for it alone.
const PEERS = {
  'child-process': () => require('./child_process.js').json,
  'child-process-advanced': () => require('./child_process.js').advanced,
  piscina: () => require('./piscina.js'),
  workerpool: () => require('./workerpool.js').processes,
  'workerpool-thread': () => require('./workerpool.js').threads,
};

async function main() {
  const plan = JSON.parse(process.argv[2]);
  const { peer, what, payload, workers, depth, jobs } = plan;
  try {
    const subject = PEERS[peer]();
    const figures = rounded(await measure(subject, plan));
    print({ peer, what, payload, workers, depth, jobs, version: subject.version(), kind: subject.kind, ...figures });
  } catch (error) {
    if (error instanceof Unable) print({ peer, what, skipped: error.message });
    else if (error.code === 'MODULE_NOT_FOUND')
      print({ peer, what, skipped: `${peer} is not installed: benches/peers/prepare node` });
    else throw error;
  }
}

function rounded({ note, ...figures }) {
  const thousandths = (value) => (value === null ? null : Math.round(value * 1e3) / 1e3);
  return { ...Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, thousandths(value)])), note };
}

function print(line) {
  console.log(JSON.stringify(line));
}

main();
