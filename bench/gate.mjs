// The gate as it is deployed: `entry.js`, what it imports, and its size.

import { readFileSync } from "node:fs";
import { dirname, extname, join } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { client } from "./provider.mjs";

export const root = fileURLToPath(new URL("..", import.meta.url));

const kinds = { ".js": "esModule", ".mjs": "esModule", ".wasm": "wasm", ".json": "text", ".html": "text", ".txt": "text" };

/** The modules of the built Worker, the entry first; a sentence that says what is missing if it is not built. */
export function gateModules() {
  const modules = new Map();
  const pending = ["entry.js"];
  for (let name; (name = pending.shift()); ) {
    if (modules.has(name)) continue;
    const kind = kinds[extname(name)];
    if (!kind) throw new Error(`${name}: no kind of module that the gate is known to have`);
    let content;
    try {
      content = readFileSync(join(root, name));
    } catch {
      throw new Error(`${name} is missing: build the module first (npm run build)`);
    }
    modules.set(name, { name, kind, content });
    if (kind === "esModule") pending.push(...imports(name, content.toString()));
  }
  return [...modules.values()];
}


/** Bytes of the WebAssembly and of all modules together, as they are and gzipped. */
export function gateSize(modules) {
  const wasm = modules.filter(({ kind }) => kind === "wasm").map(({ content }) => content);
  const all = modules.map(({ content }) => content);
  const sum = (parts) => parts.reduce((total, part) => total + part.length, 0);
  const zipped = (parts) => sum(parts.map((part) => gzipSync(part, { level: 9 })));
  return { wasm: sum(wasm), wasmZipped: zipped(wasm), all: sum(all), allZipped: zipped(all) };
}

/** Ten rules, the last of which admits the request: the first nine are tried in vain. */
export function gateSettings(issuer) {
  const staff = [{ group: "staff" }];
  const admins = [{ group: "admins" }, { email: "ceo@example.com" }];
  return {
    hosts: ["localhost"],
    session: { lifetime: "8h" },
    origin: { service: "ORIGIN" },
    providers: [{ id: "bench", title: "Bench", issuer, client_id: client.id }],
    // The four headers that every target sets. The gate's fifth, the provider, is for sites that have several.
    headers: { provider: false },
    rules: [
      { path: "/blog/**", sso: false },
      { path: "/assets/**", sso: false },
      { path: "/favicon.ico", sso: false },
      { path: "/robots.txt", sso: false },
      { path: "/admin/**", allow: admins },
      { path: "/reports/**", allow: admins },
      { path: "/staff/**", allow: staff },
      { path: "/api/**", allow: staff },
      { path: "/downloads/**", sso: true },
      { path: "/**", allow: staff },
    ],
  };
}

function imports(name, source) {
  const statement = /\b(?:import|export)\s*(?:[\w*{}\s,$]+?\s*from\s*)?["'](\.{1,2}\/[^"']+)["']/g;
  return [...source.matchAll(statement)].map(([, path]) => join(dirname(name), path));
}
