// wrk on its own core against the server on its own, and what the server's
// processor time was meanwhile.

import { execFile } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { page, requestHeaders } from "./visitor.mjs";

const run = promisify(execFile);
const script = fileURLToPath(new URL("wrk.lua", import.meta.url));
const tick = 1e6 / 100; // µs; USER_HZ is 100 wherever Linux runs

/** Loads without measuring: code is compiled, the heap has grown. */
export async function warm(server, session, { connections, seconds, core }) {
  await wrk(server, session, connections, seconds, core);
}

/**
 * One window: processor time per request, rate and latency. Throws if a single
 * request was refused or stopped short of the origin.
 */
export async function measure(server, session, { connections, seconds, core }) {
  const reachedBefore = await server.reached();
  const before = processorTime(server.pid);
  const summary = await wrk(server, session, connections, seconds, core);
  const cpu = processorTime(server.pid) - before;
  const reached = await server.reached();

  const through = reached.origin - reachedBefore.origin;
  if (summary.refused || summary.broken || through < summary.requests) {
    const { requests, refused, broken } = summary;
    throw new Error(
      `of ${requests} requests ${through} reached the origin, ${refused} were refused, ${broken} broke\n${server.said()}`,
    );
  }
  if (reached.kv !== reachedBefore.kv) throw new Error("a signed-in request asked KV");
  return {
    connections,
    cpu: cpu / through,
    rate: (summary.requests / summary.micros) * 1e6,
    busy: cpu / summary.micros,
    p50: summary.p50,
    p90: summary.p90,
    p99: summary.p99,
  };
}

async function wrk(server, session, connections, seconds, core) {
  const { host, port } = new URL(server.site);
  const headers = { Host: host, ...requestHeaders(session) };
  const { stdout } = await run("taskset", [
    "-c", `${core}`, "wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "-s", script,
    ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
    `http://127.0.0.1:${port}${page}`,
  ]);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

/** User and system time in µs of a process and all below it. */
export function processorTime(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [utime, stime] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13).map(Number);
  return (utime + stime) * tick + children(pid).reduce((sum, child) => sum + processorTime(child), 0);
}

function children(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean));
}
