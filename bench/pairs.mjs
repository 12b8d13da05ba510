// Which windows may be compared, and their medians.

/** At 32 connections workerd serves few at a time (p90 of 100 ms and more) or all in turn (p90 below 25 ms). */
const inTurn = 50_000;

/** A saturated server that had less than this of its core was held up by something else. */
const ownCore = 0.92;

/** The samples at that many connections that nothing else on the machine held up. */
export function undisturbed(samples, connections) {
  return samples.filter((sample) =>
    sample.connections === connections && (connections === 1 || sample.busy >= ownCore));
}

/** Windows of two targets from the same cycle, served in the same manner: `[[own, other], …]`. */
export function against(row, other, connections) {
  const others = new Map(undisturbed(other.samples, connections).map((sample) => [sample.cycle, sample]));
  return undisturbed(row.samples, connections)
    .map((own) => [own, others.get(own.cycle)])
    .filter(([own, their]) => their && (connections === 1 || manner(own) === manner(their)));
}

export function median(values) {
  return quantile(values, 0.5);
}

/** The lower and the upper quartile. */
export function middleHalf(values) {
  return [quantile(values, 0.25), quantile(values, 0.75)];
}

/** What pairs differ by, and whether it is noise: no more than what rounds differ by, each of them fresh processes. */
export function difference(pairs, of) {
  const rounds = new Map();
  for (const pair of pairs) {
    const [round] = pair[0].cycle.split("/");
    rounds.set(round, [...(rounds.get(round) ?? []), of(pair)]);
  }
  const [least, most] = middleHalf([...rounds.values()].map(median));
  const middle = median(pairs.map(of));
  return { middle, spread: most - least, noise: Math.abs(middle) <= most - least };
}

function manner({ p90 }) {
  return p90 < inTurn ? "all in turn" : "few at a time";
}

/** NaN for nothing, so that a missing figure shows as one. */
function quantile(values, share) {
  const sorted = values.toSorted((one, two) => one - two);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  return below === undefined ? NaN : below + (above - below) * (place - Math.floor(place));
}
