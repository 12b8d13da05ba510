// One workerd process with one target in it, its origin and its KV behind it.

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import workerd from "workerd";
import { root } from "./gate.mjs";
import { exchange } from "./visitor.mjs";

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** Three loopback ports, free now and kept for the whole run: a session may be bound to its host and port. */
export async function freePorts() {
  const listeners = await Promise.all([0, 0, 0].map(() => new Promise((ready) => {
    const listener = createServer().listen(0, "127.0.0.1", () => ready(listener));
  })));
  const [site, origin, kv] = listeners.map((listener) => listener.address().port);
  await Promise.all(listeners.map((listener) => new Promise((closed) => listener.close(closed))));
  return { site, origin, kv };
}

/** Writes the target's modules and its workerd configuration; every process of the run starts from this copy. */
export async function lay(target, directory, ports, provider) {
  const modules = await target.modules();
  const bindings = [{ name: "ORIGIN", service: "origin" }, ...target.bindings(provider)];
  const workers = [
    ["target", modules, bindings],
    ["origin", [asItIs("origin.js")], []],
    ["kv", [asItIs("kv.js")], []],
  ];
  for (const [service, parts] of workers) {
    for (const { name, content } of parts) {
      const file = join(directory, service, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
  }
  const config = join(directory, "config.capnp");
  writeFileSync(config, configuration(workers, ports));
  return config;
}

/** Starts workerd on one core and waits until it answers. */
export async function start(config, ports, core) {
  const child = spawn("taskset", ["-c", `${core}`, workerd.default, "serve", config], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let said = "";
  const listen = (chunk) => (said = (said + chunk).slice(-4000));
  child.stdout.on("data", listen);
  child.stderr.on("data", listen);
  const ended = new Promise((done) => child.once("exit", done));

  const server = {
    pid: child.pid,
    site: `http://localhost:${ports.site}`,
    said: () => said,
    reached: async () => ({
      origin: Number((await exchange(`http://localhost:${ports.origin}/`)).body),
      kv: Number((await exchange(`http://localhost:${ports.kv}/`)).body),
    }),
    stop: async () => {
      child.kill("SIGTERM");
      const stubborn = setTimeout(() => child.kill("SIGKILL"), 2000);
      await ended;
      clearTimeout(stubborn);
      running.delete(child);
    },
  };
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`workerd ended at its start:\n${said}`);
    try {
      await server.reached();
      return server;
    } catch {
      await sleep(25);
    }
  }
  await server.stop();
  throw new Error(`workerd did not answer within 5 s:\n${said}`);
}

/** The compatibility date and flags of the shipped Worker, for every target alike. */
export function compatibility() {
  let settings = "";
  try {
    settings = readFileSync(join(root, "wrangler.toml"), "utf8");
  } catch {
    // Without a wrangler.toml there is no gate to be compatible with.
  }
  const date = /^compatibility_date\s*=\s*"([\d-]+)"/m.exec(settings)?.[1] ?? "2026-04-01";
  const flags = /^compatibility_flags\s*=\s*\[([^\]]*)\]/m.exec(settings)?.[1] ?? "";
  return { date, flags: [...flags.matchAll(/"([^"]+)"/g)].map(([, flag]) => flag) };
}

function asItIs(file) {
  const content = readFileSync(new URL(`workers/${file}`, import.meta.url));
  return { name: file, kind: "esModule", content };
}

function configuration(workers, ports) {
  const { date, flags } = compatibility();
  const module = (service, { name, kind }) =>
    `        (name = ${quote(name)}, ${kind} = embed ${quote(`${service}/${name}`)}),`;
  const binding = ({ name, ...value }) => {
    const [[kind, content]] = Object.entries(value);
    return `        (name = ${quote(name)}, ${kind} = ${quote(content)}),`;
  };
  const services = workers.map(([service, parts, bindings]) => `    (name = ${quote(service)}, worker = (
      compatibilityDate = ${quote(date)},
      compatibilityFlags = [${flags.map(quote).join(", ")}],
      modules = [
${parts.map((part) => module(service, part)).join("\n")}
      ],
      bindings = [
${bindings.map(binding).join("\n")}
      ],
    )),`);
  const socket = (name, port, service) =>
    `    (name = "${name}", address = "127.0.0.1:${port}", http = (), service = ${service}),`;
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
${services.join("\n")}
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [
${socket("site", ports.site, '"target"')}
${socket("origin", ports.origin, '(name = "origin", entrypoint = "reach")')}
${socket("kv", ports.kv, '(name = "kv", entrypoint = "reach")')}
  ],
);
`;
}

/** Cap'n Proto text literals are C's; those of JSON are a subset. */
function quote(text) {
  return JSON.stringify(text);
}
