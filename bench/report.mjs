// From samples to the tables of RESULTS.md. Nothing is said here that the
// samples do not say.

import { spawnSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, release } from "node:os";
import { gateModules, gateSize, root } from "./gate.mjs";
import { against, difference, median, middleHalf, undisturbed } from "./pairs.mjs";
import { installedVersion } from "./prepare.mjs";
import { compatibility } from "./server.mjs";

/** What is asked of the gate: µs of processor time above the limit, share of its rate, gzipped size, µs for a thousand rules. */
const asked = { above: 25, rate: 0.85, bytes: 300_000, rules: 5 };
/** The limit's µs on the machine where that time was asked for: microseconds are a machine's own. */
const limitThere = 132;

const what = `Every target runs on \`workerd serve\`, passes \`GET /index.html\` (ten browser headers, three cookies) on to the same Worker through a service binding, with the identity in X-Auth-Subject, -Email, -Name and -Groups, and returns its 1,024 bytes. Each was seen to do that before it was timed, and all but those without a check to refuse a broken session.
Portcullis also makes the answer's Cache-Control private, takes its cookie out of the request and drops spoofed identity headers in any spelling, and was seen to. So was the Worker "with edits like those of Portcullis", which is written plainly, removes fewer names and has a shorter cookie. Of the others only Hono's middleware touches the answer (Cache-Control).`;

const howToRead = `How to read it: a target is compared with the limit's window of the same cycle, seconds apart, at 32 connections only when workerd served both in the same manner (few connections at a time, or all in turn); ratios and differences are medians of those pairs, with the middle half in brackets.
They hold between targets of one run: the absolute figures move with the machine and with what else runs on it. They are of processes that have run for a while: the first thousands of requests of a new one cost more, the gate's more so, since its module is compiled in haste first and well later. At 1 connection the p99 is the runtime's garbage collection, the limit's as well as any other's.
Where two targets are compared with each other, it is by pairs of their own, and so not the difference of two medians of the tables. What is no more than rounds differ by (the middle half of their medians) is noise.`;

/** The whole of RESULTS.md. */
export function report(rows, run) {
  const gate = rows.find(({ target }) => target.id === "gate");
  return [
    "# What a signed-in request costs",
    machine(run).map((line) => `- ${line}`).join("\n"),
    what,
    howToRead,
    "## 32 connections, one core",
    table(rows, 32),
    "## 1 connection",
    table(rows, 1),
    ...(gate ? ["## What was asked", verdicts(rows, gate, run).map((line) => `- ${line}`).join("\n")] : []),
  ].join("\n\n") + "\n";
}

function machine({ rounds, seconds, warming, loadBefore }) {
  const version = (name) => `${name} ${installedVersion(name)}`;
  const wrk = /wrk (?:debian\/)?(\S+)/.exec(spawnSync("wrk", ["-v"], { encoding: "utf8" }).stdout)?.[1];
  const { date, flags } = compatibility();
  const load = [loadBefore, loadavg()[0]].map((value) => value.toFixed(2));
  return [
    `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, of the tree ${tree()}`,
    `${cpus()[0].model.trim()}, ${availableParallelism()} cores, Linux ${release().replace(/-.*/, "")}; load average ${load[0]} before and ${load[1]} after, the benchmark's own included`,
    [...["workerd", "jose", "hono", "@hono/oidc-auth"].map(version), `wrk ${wrk}`, `Node ${process.versions.node}`].join(", "),
    `compatibility date ${date}${flags.length ? `, flags ${flags.join(", ")}` : ""}; ${rounds} rounds of fresh processes, each loaded for ${warming} s at 32 connections, then windows of ${seconds} s`,
  ];
}

/** The commit that was measured, and whether something was changed since. */
function tree() {
  const git = (...args) => spawnSync("git", args, { cwd: root, encoding: "utf8" }).stdout.trim();
  return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--untracked-files=no") ? " with changes" : "");
}

function table(rows, connections) {
  const ratios = ["requests/s ÷ limit", "CPU ÷ limit", "CPU above limit, µs"];
  const figures = ["CPU per request, µs", "requests/s", "p50, µs", "p99, ms"];
  const head = ["", ...ratios, ...figures, "pairs", "session cookie, B"];
  const lines = rows.map((row) => {
    const samples = undisturbed(row.samples, connections);
    const middle = (field, digits = 0) => number(median(samples.map(field)), digits);
    const pairs = against(row, rows[0], connections);
    const isLimit = row === rows[0];
    const above = pairs.map(([own, limit]) => own.cpu - limit.cpu);
    return [
      row.target.title,
      isLimit ? "1" : number(median(pairs.map(([own, limit]) => own.rate / limit.rate)), 2),
      isLimit ? "1" : number(median(pairs.map(([own, limit]) => own.cpu / limit.cpu)), 2),
      isLimit ? "0" : `${signed(median(above))} (${middleHalf(above).map(signed).join(" … ")})`,
      middle(({ cpu }) => cpu),
      middle(({ rate }) => rate),
      middle(({ p50 }) => p50),
      middle(({ p99 }) => p99 / 1000),
      isLimit ? `${samples.length} windows` : `${pairs.length}`,
      `${row.session.length}`,
    ];
  });
  return [head, head.map((_, column) => (column ? "---:" : "---")), ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

function verdicts(rows, gate, { rules }) {
  const size = gateSize(gateModules());
  const toLimit = against(gate, rows[0], 32);
  const above = median(toLimit.map(([own, limit]) => own.cpu - limit.cpu));
  const time = median(toLimit.map(([own, limit]) => own.cpu / limit.cpu));
  const rate = median(toLimit.map(([own, limit]) => own.rate / limit.rate));
  const peers = rows.filter(({ target }) => target.guards && !target.edits);
  const editing = rows.find(({ target }) => target.edits && !target.guards);
  const asserting = rows.find(({ target }) => target.asserts);
  return [
    `WebAssembly module at most ${asked.bytes / 1000} KB gzipped: ${kilobytes(size.wasmZipped)} (${kilobytes(size.wasm)} unzipped), ` +
      `${kilobytes(size.allZipped)} with the JavaScript beside it: ${reached(size.wasmZipped <= asked.bytes)}`,
    `At most ${asked.above} µs of CPU above the limit at 32 connections: ${signed(above)} µs: ${reached(above <= asked.above)}; ` +
      `${number(time, 2)} times the limit's (they were asked for where the limit takes ${limitThere} µs: ${number(1 + asked.above / limitThere, 2)} times)`,
    `At least ${asked.rate} of its throughput: ${number(rate, 3)}: ${reached(rate >= asked.rate)}`,
    ...(editing ? [aboveEdits(gate, editing)] : []),
    ...peers.map((peer) => ahead(gate, peer)),
    ...(asserting ? [assertionStays(asserting, gate)] : []),
    `${number(rules.rules, 0)} rules cost less than ${asked.rules} µs more than one: a decision takes ${number(rules.decision, 1)} µs with one, ` +
      `and ${number(rules.added, 2)} µs more with ${number(rules.rules, 0)}, in a loop within workerd: ${reached(rules.added < asked.rules)}`,
  ];
}

/** Ahead is who does more or takes less by more than noise, and nowhere the other way round. */
function ahead(gate, peer) {
  const [many, one] = [32, 1].map((connections) => against(gate, peer, connections));
  const throughput = difference(many, ([own, theirs]) => own.rate / theirs.rate - 1);
  const times = throughput.noise
    ? `throughput within the noise (rounds differ by ${number(throughput.spread, 2)} of it)`
    : `${number(1 + throughput.middle, 2)} times its throughput`;
  const gains = [many, one].map(processorTime).map(({ middle, noise }) => (noise ? 0 : -middle));
  gains.push(throughput.noise ? 0 : throughput.middle);
  const is = reached(gains.some((gain) => gain > 0) && gains.every((gain) => gain >= 0));
  return `Ahead of ${peer.target.title}: at 32 connections ${times}, ${apart(many)}; at 1 connection ${apart(one)}: ${is}`;
}

/** The check and the edits that only the gate makes, less what it remembers of them. */
function aboveEdits(gate, editing) {
  const at = (connections) => apart(against(gate, editing, connections));
  return `Beside ${editing.target.title}: ${at(32)} at 32 connections, ${at(1)} at 1`;
}

/** The header itself, some 500 bytes of it, has its price; a signature at each request would be dearer by far. */
function assertionStays(asserting, gate) {
  return `A signed assertion, kept for the session, beside the gate without one: ${apart(against(asserting, gate, 32))} at 32 connections`;
}

/** How much more processor time the one takes; a figure only where it is more than noise. */
function apart(pairs) {
  const { middle, spread, noise } = processorTime(pairs);
  return noise ? `CPU within the noise (rounds differ by ${number(spread, 0)} µs)` : `${signed(middle)} µs of CPU`;
}

function processorTime(pairs) {
  return difference(pairs, ([own, theirs]) => own.cpu - theirs.cpu);
}

function reached(yes) {
  return yes ? "**reached**" : "**not reached**";
}

function kilobytes(bytes) {
  return `${number(bytes / 1000, 1)} KB`;
}

function signed(value) {
  return Number.isFinite(value) ? `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(0)}` : "–";
}

function number(value, digits) {
  if (!Number.isFinite(value)) return "–";
  return value.toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
