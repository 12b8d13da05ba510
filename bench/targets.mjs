// What is timed. A row is a target: add one here and it is verified, timed and
// printed like the others. The first is the limit that the others are held to.
//
//   id        for --only and the table
//   title     what it is, in the table
//   modules   the Worker's modules, the entry first
//   bindings  beside ORIGIN, which every target has
//   session   name=value of a session cookie, given the running site's address
//   guards    whether it must refuse a request without a good session
//   asserts   whether the origin must get a signed assertion as well
//   edits     whether it must also edit the answer, strip its cookie and drop spoofed headers

import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { SignJWT } from "jose";
import { gateModules, gateSettings } from "./gate.mjs";
import { client, person } from "./provider.mjs";
import { signIn } from "./visitor.mjs";

const sessionSecret = randomBytes(32).toString("base64url");

export const targets = [
  {
    id: "limit",
    title: "limit: JavaScript that only passes on and adds four headers",
    modules: () => bundled("limit.js"),
    bindings: () => [],
    session: ownJwt,
    guards: false,
    edits: false,
  },
  {
    id: "edits",
    title: "the limit with edits like those of Portcullis, and no check",
    modules: () => bundled("edits.js"),
    bindings: () => [],
    session: ownJwt,
    guards: false,
    edits: true,
  },
  portcullis("gate", "**Portcullis**", {}),
  portcullis("assertion", "Portcullis with `assertion = true`", { assertion: true }),
  {
    id: "jose",
    title: "a Worker that checks a `jose` cookie",
    modules: () => bundled("jose.js"),
    bindings: () => [{ name: "SESSION_SECRET", text: sessionSecret }],
    session: ownJwt,
    guards: true,
    edits: false,
  },
  {
    id: "hono",
    title: "Hono with `@hono/oidc-auth`",
    modules: () => bundled("hono.js"),
    bindings: ({ issuer }) => [
      { name: "OIDC_AUTH_SECRET", text: sessionSecret },
      { name: "OIDC_ISSUER", text: issuer },
      { name: "OIDC_CLIENT_ID", text: client.id },
      { name: "OIDC_CLIENT_SECRET", text: client.secret },
      { name: "OIDC_SCOPES", text: "openid email profile" },
    ],
    session: async (site) => cookieNamed(/^oidc-auth$/, await signIn(site)),
    guards: true,
    edits: false,
  },
];

/** The gate with these settings beside those of gate.mjs. */
function portcullis(id, title, settings) {
  return {
    id,
    title,
    modules: async () => gateModules(),
    bindings: ({ issuer }) => [
      { name: "PORTCULLIS", json: JSON.stringify({ ...gateSettings(issuer), ...settings }) },
      { name: "PORTCULLIS_SECRET", text: randomBytes(32).toString("base64") },
      { name: "PORTCULLIS_BENCH_CLIENT_SECRET", text: client.secret },
      { name: "PORTCULLIS_KV", kvNamespace: "kv" },
    ],
    session: async (site) => cookieNamed(/^(__Host-)?portcullis$/, await signIn(site)),
    guards: true,
    edits: true,
    asserts: Boolean(settings.assertion),
  };
}

/** One of the Workers beside this file with its npm packages, as a single module. */
async function bundled(file) {
  const source = fileURLToPath(new URL(`workers/${file}`, import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [source],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "import"],
    logLevel: "error",
  });
  return [{ name: file, kind: "esModule", content: outputFiles[0].contents }];
}

async function ownJwt() {
  const { sub, email, name, groups } = person;
  const token = await new SignJWT({ email, name, groups })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setIssuer("https://app.example")
    .setAudience("app")
    .setIssuedAt()
    .setExpirationTime("8h")
    .sign(new TextEncoder().encode(sessionSecret));
  return `session=${token}`;
}

function cookieNamed(pattern, cookies) {
  const name = [...cookies.keys()].find((key) => pattern.test(key));
  if (!name) throw new Error(`the login left no session cookie, only: ${[...cookies.keys()].join(", ")}`);
  return `${name}=${cookies.get(name)}`;
}
