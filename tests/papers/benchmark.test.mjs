// What the benchmark's report says of samples: no figure that contradicts its verdict, and none for noise.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { report } from '../../bench/report.mjs';
import { targets } from '../../bench/targets.mjs';

const ROUNDS = [1, 2, 3, 4, 5, 6];

/** A target whose samples take so much processor time, by round, at a rate of that many requests, by round or always. */
function row(target, cpu, rate) {
  const rateOf = typeof rate === 'function' ? rate : () => rate;
  const samples = ROUNDS.flatMap((round) => [32, 1].flatMap((connections) => [0, 1].map((cycle) => ({
    cycle: `${round}/${cycle}`, connections, cpu: cpu(round), rate: rateOf(round), busy: 1, p50: 100, p90: 200, p99: 300,
  }))));
  return { target, session: 'x'.repeat(300), samples };
}

function said({ rate = 1000, gate = () => 400, asserting = () => 400, editing = () => 350, peer = () => 600, peersRate = 600 }) {
  const limit = targets[0];
  const find = (is) => targets.find(is);
  const rows = [
    row(limit, () => 300, 1000),
    row(find(({ edits, guards }) => edits && !guards), editing, 900),
    row(find(({ id }) => id === 'gate'), gate, rate),
    row(find(({ asserts }) => asserts), asserting, rate),
    row(find(({ guards, edits }) => guards && !edits), peer, peersRate),
  ];
  return report(rows, { rounds: ROUNDS.length, seconds: 1, warming: 5, loadBefore: 0, rules: { rules: 1000, decision: 4, added: 4 } });
}

test('a ratio that just misses what was asked does not look like it', () => {
  assert.match(said({ rate: 848 }), /At least 0\.85 of its throughput: 0\.848: \*\*not reached\*\*/);
  assert.match(said({ rate: 850 }), /At least 0\.85 of its throughput: 0\.850: \*\*reached\*\*/);
});

const line = (text, begin) => text.split('\n').find((one) => one.startsWith(`- ${begin}`));

test('what is less than rounds differ by is called noise, and is no figure', () => {
  const noisy = said({ asserting: (round) => 380 + 20 * (round % 3) });
  assert.match(line(noisy, 'A signed assertion'), /: CPU within the noise \(rounds differ by \d+ µs\) at 32 connections$/);
  assert.match(line(noisy, 'Beside the limit'), /: \+50 µs of CPU at 32 connections, \+50 µs of CPU at 1$/);
  const dearer = said({ asserting: (round) => 480 + 20 * (round % 3) });
  assert.match(line(dearer, 'A signed assertion'), /: \+100 µs of CPU at 32 connections$/);
});

test('ahead is who does more or takes less by more than noise, and nowhere the other way round', () => {
  const ahead = (options) => line(said(options), 'Ahead of').replace(/^.*?: /, '');
  assert.equal(ahead({}), 'at 32 connections 1.67 times its throughput, −200 µs of CPU; at 1 connection −200 µs of CPU: **reached**');
  assert.match(ahead({ peer: () => 390 }), /\+10 µs of CPU; at 1 connection \+10 µs of CPU: \*\*not reached\*\*$/);
  assert.match(ahead({ peersRate: 1100 }), /^at 32 connections 0\.91 times its throughput, .*\*\*not reached\*\*$/);
  // Faster in the middle, and by less than one round of its own differs from the next.
  const noisyTime = ahead({ peer: (round) => 390 + 20 * (round % 3) });
  assert.match(noisyTime, /times its throughput, CPU within the noise \(rounds differ by \d+ µs\); at 1 connection CPU within the noise .*: \*\*reached\*\*$/);
  const noisyRate = ahead({ peersRate: (round) => 970 + 20 * (round % 3) });
  assert.match(noisyRate, /^at 32 connections throughput within the noise \(rounds differ by 0\.0\d of it\), −200 µs of CPU; .*: \*\*reached\*\*$/);
  const both = { peer: (round) => 390 + 20 * (round % 3), peersRate: (round) => 970 + 20 * (round % 3) };
  assert.match(ahead(both), /throughput within the noise .*: \*\*not reached\*\*$/);
});
