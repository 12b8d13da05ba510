// The order of events: set up, sign in, then rounds of windows, then the table.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { measure, warm } from "./load.mjs";
import { startProvider } from "./provider.mjs";
import { report } from "./report.mjs";
import { costOfRules } from "./rules.mjs";
import { freePorts, lay, start } from "./server.mjs";
import { targets } from "./targets.mjs";
import { verify } from "./verify.mjs";

const serverCore = 0;
const loadCore = 1;

/**
 * Seconds of load before the first window: a module's functions are compiled well only after thousands of calls, and
 * what a new process costs is another question.
 */
const warming = 5;

/** Windows per round: at 32 connections the rate is the server's limit, at 1 the answer time shows. */
const windows = [
  { connections: 32, times: 8 },
  { connections: 1, times: 3 },
];

export async function compare({ rounds, seconds, only }) {
  const chosen = choose(only);
  const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  const provider = await startProvider();
  const loadBefore = loadavg()[0];
  try {
    const rows = [];
    for (const target of chosen) {
      const ports = await freePorts();
      const config = await lay(target, join(directory, target.id), ports, provider);
      rows.push({ target, ports, config, session: undefined, server: undefined, samples: [] });
    }
    for (let round = 1; round <= rounds; round += 1) {
      await playRound(rows, provider, seconds, round);
      console.log(`bench: round ${round} of ${rounds} done`);
    }
    const rules = chosen.some(({ id }) => id === "gate") ? await costOfRules(provider, directory, serverCore) : undefined;
    const text = report(rows, { rounds, seconds, warming, loadBefore, rules });
    console.log(`\n${text}`);
    if (!only) {
      writeFileSync(new URL("RESULTS.md", import.meta.url), text);
      console.log("bench: written to bench/RESULTS.md");
    }
  } finally {
    provider.stop();
  }
}

function choose(only) {
  const unknown = only?.filter((id) => !targets.some((target) => target.id === id)) ?? [];
  if (unknown.length) throw new Error(`--only ${unknown}: there are ${targets.map(({ id }) => id)}`);
  return targets.filter(({ id }, index) => index === 0 || !only || only.includes(id));
}

async function playRound(rows, provider, seconds, round) {
  try {
    for (const row of rows) {
      row.server = await start(row.config, row.ports, serverCore);
      row.session ??= await signedIn(row);
      await verify(row.target, row.server, row.session);
      await warm(row.server, row.session, { connections: 32, seconds: warming, core: loadCore });
    }
    for (const { connections, times } of windows) {
      for (let cycle = 0; cycle < times; cycle += 1) {
        for (const row of shuffled(rows)) {
          const asked = provider.requests;
          const sample = await measure(row.server, row.session, { connections, seconds, core: loadCore });
          if (provider.requests !== asked) throw new Error(`${row.target.id}: a signed-in request asked the provider`);
          row.samples.push({ ...sample, cycle: `${round}/${cycle}` });
        }
      }
    }
  } finally {
    for (const row of rows) await row.server?.stop();
  }
}

async function signedIn({ target, server }) {
  try {
    return await target.session(server.site);
  } catch (error) {
    throw new Error(`${target.id}: no session: ${error.message}\n${server.said()}`, { cause: error });
  }
}

/** So that none is always measured after the same other. */
function shuffled(rows) {
  return rows.map((row) => ({ row, place: Math.random() })).toSorted((one, other) => one.place - other.place).map(({ row }) => row);
}
