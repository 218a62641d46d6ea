'use strict';
// What is measured, for any pool with `echo(value) -> Promise<value>`.

/** A measurement that the peer has no means for. */
class Unable extends Error {}

/** Runs the plan on `peer`: {open(plan), openOneShot?(plan), makeValue(plan), ...}. */
async function measure(peer, plan) {
  const measurements = { round_trip: roundTrip, throughput, launch, spawn };
  return measurements[plan.what](peer, plan);
}

async function roundTrip(peer, plan) {
  const pool = await peer.open(plan);
  const times = [];
  // What came back is sent again: a transferred buffer cannot be used by its sender any more.
  let value = peer.makeValue(plan);
  for (let job = 0; job < plan.warm_up + plan.jobs; job++) {
    const begin = process.hrtime.bigint();
    value = await pool.echo(value);
    times.push(Number(process.hrtime.bigint() - begin));
    expect(plan, value);
  }
  await pool.close();
  const counted = times.slice(plan.warm_up);
  const total = counted.reduce((sum, time) => sum + time, 0);
  return { ...ofTimes(counted), per_second: (1e9 * plan.jobs) / total, note: peer.note(plan) };
}

async function throughput(peer, plan) {
  const pool = await peer.open(plan);
  const values = Array.from({ length: Math.max(plan.depth, plan.workers) }, () => peer.makeValue(plan));
  // Each worker has a job at least, so that none starts while the clock runs.
  await echoInFlight(pool, values, Math.max(plan.warm_up, 4 * plan.workers));
  values.length = plan.depth;
  const begin = process.hrtime.bigint();
  await echoInFlight(pool, values, plan.jobs);
  const took = Number(process.hrtime.bigint() - begin);
  values.forEach((value) => expect(plan, value));
  await pool.close();
  return { p50_us: null, p99_us: null, per_second: (1e9 * plan.jobs) / took, note: peer.note(plan) };
}

/** One lane for each value: it sends its value, awaits it and sends it again, until `jobs` are done in all. */
async function echoInFlight(pool, values, jobs) {
  let left = jobs;
  await Promise.all(
    values.map(async (_, lane) => {
      while (left-- > 0) values[lane] = await pool.echo(values[lane]);
    }),
  );
}

async function launch(peer, plan) {
  if (!peer.oneShot) throw new Unable(`${plan.peer} has no worker that serves one job and is replaced`);
  const figures = await spawn(peer, plan);
  return { ...figures, note: `${figures.note}; nothing is prewarmed: fork until the first result` };
}

async function spawn(peer, plan) {
  const times = [];
  for (let job = 0; job < plan.warm_up + plan.jobs; job++) {
    const content = peer.makeValue(plan);
    const begin = process.hrtime.bigint();
    const pool = await peer.open(plan);
    const value = await pool.echo(content);
    times.push(Number(process.hrtime.bigint() - begin));
    expect(plan, value);
    await pool.close();
  }
  return { ...ofTimes(times.slice(plan.warm_up)), note: peer.note(plan) };
}

function ofTimes(times) {
  const ordered = Float64Array.from(times).sort();
  const rank = (quantile) => ordered[Math.ceil(quantile * ordered.length) - 1] / 1e3;
  return { p50_us: rank(0.5), p99_us: rank(0.99), per_second: null };
}

/** The bytes that every peer sends: 0 to 250, again and again. */
function bytes(plan) {
  const content = new Uint8Array(plan.payload);
  for (let at = 0; at < content.length; at++) content[at] = at % 251;
  return content;
}

let expected;
function expect(plan, value) {
  expected ??= Buffer.from(bytes(plan).buffer);
  const same = typeof value === 'string' ? value === asText(plan) : Buffer.compare(value, expected) === 0;
  if (!same) throw new Error(`${plan.peer} gave back ${value.length} bytes that are not the ${plan.payload} it was sent`);
}

let text;
/** As many bytes in a form that JSON carries without escapes. */
function asText(plan) {
  text ??= 'The cheapest text for JSON. '.repeat(plan.payload / 28 + 1).slice(0, plan.payload);
  return text;
}

module.exports = { measure, Unable, bytes, asText };
