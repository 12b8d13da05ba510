// What many rules add to a decision: two gates in workerd, one with a single rule and one with a
// thousand, decide the same signed-in request in turn (workers/loop.js), as many times as it takes to
// see a difference.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gateModules } from "./gate.mjs";
import { processorTime } from "./load.mjs";
import { median } from "./pairs.mjs";
import { client } from "./provider.mjs";
import { freePorts, lay, start } from "./server.mjs";
import { exchange, page, requestHeaders, signIn } from "./visitor.mjs";

const many = 1000;
const decisions = 40_000;
const cycles = 9;

/** µs of processor time that `many` rules add to a decision, and what one with a single rule takes. */
export async function costOfRules(provider, directory, core) {
  const gates = [];
  try {
    for (const rules of [[], manyRules()]) {
      const name = rules.length ? "many" : "one";
      const ports = await freePorts();
      const server = await start(await lay(target(name, rules), join(directory, name), ports, provider), ports, core);
      const cookies = await signIn(server.site);
      const session = [...cookies].find(([cookie]) => /^(__Host-)?portcullis$/.test(cookie));
      gates.push({ server, headers: requestHeaders(session.join("=")), samples: [] });
    }
    for (let cycle = -1; cycle < cycles; cycle += 1) {
      for (const gate of gates) {
        const time = await decide(gate);
        // The first time is spent on compiling.
        if (cycle >= 0) gate.samples.push(time);
      }
    }
  } finally {
    for (const { server } of gates) await server.stop();
  }
  const [one, thousand] = gates.map(({ samples }) => samples);
  return { rules: many, decision: median(one), added: median(thousand.map((time, cycle) => time - one[cycle])) };
}

async function decide({ server, headers }) {
  const before = processorTime(server.pid);
  const answer = await exchange(server.site + page, { ...headers, "X-Decide": String(decisions) });
  const time = (processorTime(server.pid) - before) / decisions;
  if (answer.body.toString() !== String(decisions)) throw new Error(`rules: not every decision forwards: ${answer.body}`);
  return time;
}

function target(id, rules) {
  return {
    id,
    modules: async () => [
      { name: "loop.js", kind: "esModule", content: readFileSync(new URL("workers/loop.js", import.meta.url)) },
      ...gateModules(),
    ],
    bindings: ({ issuer }) => [
      { name: "PORTCULLIS", json: JSON.stringify({
        hosts: ["localhost"],
        origin: { service: "ORIGIN" },
        providers: [{ id: "bench", title: "Bench", issuer, client_id: client.id }],
        rules: [...rules, { path: "/**", allow: [{ group: "staff" }] }],
      }) },
      { name: "PORTCULLIS_SECRET", text: randomBytes(32).toString("base64") },
      { name: "PORTCULLIS_BENCH_CLIENT_SECRET", text: client.secret },
      { name: "PORTCULLIS_KV", kvNamespace: "kv" },
    ],
  };
}

/** As a large site might have them: sections, pages below, wildcards here and there. None is about the page. */
function manyRules() {
  return Array.from({ length: many - 1 }, (_, rank) => {
    const path = [`/team-${rank}/**`, `/shared/area-${rank}/*/edit`, `/*/private-${rank}`, `/docs/v${rank}/**`][rank % 20 === 0 ? 2 : rank % 3 === 2 ? 3 : rank % 3];
    return rank % 7 ? { path, allow: [{ group: `group-${rank}` }] } : { path, methods: ["POST"], allow: [{ role: "editor" }] };
  });
}
