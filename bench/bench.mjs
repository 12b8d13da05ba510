#!/usr/bin/env node
// What the gate costs: `npm run bench` in the repository's root.
//
// Every target of targets.mjs runs in workerd processes of its own, pinned to
// one core; wrk drives them from another. A round starts fresh processes,
// verifies each (verify.mjs), warms each, then times them in turn in short
// windows, so that targets are compared with what the limit did seconds before
// or after, on a machine in the same state. Medians; see report.mjs.

import { parseArgs } from "node:util";
import { prepare } from "./prepare.mjs";

const usage = `npm run bench -- [--rounds 6] [--seconds 1] [--only limit,gate]

  --rounds   fresh processes of every target (each gives eight windows at 32 connections and three at 1)
  --seconds  length of a window
  --only     these targets and the limit; prints, but leaves RESULTS.md alone`;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "6" },
    seconds: { type: "string", default: "1" },
    only: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

// An exit ends the servers (server.mjs); a signal alone would leave them running.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));

if (options.help) {
  console.log(usage);
} else {
  try {
    prepare();
    // Only now: these need the packages that preparing has installed.
    const { compare } = await import("./compare.mjs");
    await compare({
      rounds: wholeNumber("rounds", options.rounds),
      seconds: wholeNumber("seconds", options.seconds),
      only: options.only?.split(","),
    });
  } catch (error) {
    console.error(`bench: ${error.message}`);
    process.exit(1);
  }
}

function wholeNumber(name, text) {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 100) {
    throw new Error(`--${name} ${text}: a whole number from 1 to 100`);
  }
  return number;
}
