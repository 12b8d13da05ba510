// The demo site behind a gate, with real providers beside it: the gate on 127.0.0.1, the providers on
// localhost, so that to a browser they are different sites, as they are in the world.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProvider } from '../../../../demo/provider.mjs';
import { rsaKey } from '../../../../demo/secrets.mjs';
import { startGate } from '../../../../scripts/gate.mjs';
import { root } from '../../../../scripts/setup.mjs';
import { keepOutOfTheLog, remember } from './confidential.mjs';
import { Visitor } from './visitor.mjs';

/** How often another port is tried. */
const MOST_TRIES = 3;

/** As in wrangler.toml: what the demo protects. */
const RULES = [
  { path: '/', sso: false },
  { path: '/assets/**', sso: false },
  { path: '/admin/**', allow: [{ group: 'admins' }] },
];

/**
 * @param {object} options
 * @param {object} [options.providers]  by id: `{ start, register, secret }`, what `startProvider` takes
 *        besides the addresses (or a function of the gate's address that gives it), more settings (or a
 *        function of the issuer that gives them), and another client secret (`null`: none). `at` in the place of `start` is the id of an earlier one: the same
 *        provider, registered once more.
 * @param {object} [options.settings]   more of them, or other than here
 * @param {object} [options.secrets]
 * @param {object} [options.gate]       more of what `startGate` takes
 */
export async function startSite(options) {
  for (let tries = 1; ; tries += 1) {
    const site = await prepareSite(options);
    try {
      await site.start();
      return site;
    } catch (error) {
      // Its providers would keep the process; and the port was somebody else's by then, which happens.
      await site.close();
      if (error.code !== 'ERR_ADDRESS_IN_USE' || tries === MOST_TRIES) throw error;
    }
  }
}

async function prepareSite({ providers = { demo: {} }, settings = {}, secrets = {}, gate: options = {} } = {}) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const bindings = { PORTCULLIS_SECRET: randomBytes(32).toString('base64'), ...secrets };
  const running = {};
  const registrations = [];
  for (const [id, { at, start = {}, register = {}, secret }] of Object.entries(providers)) {
    running[id] = at ? running[at] : await startOne(url, typeof start === 'function' ? start(url) : start);
    const { issuer, clientId, clientSecret } = running[id];
    const more = typeof register === 'function' ? register(issuer) : register;
    registrations.push({ id, title: `Provider ${id}`, issuer, client_id: clientId, ...more });
    if (secret !== null) bindings[`PORTCULLIS_${id.toUpperCase().replaceAll('-', '_')}_CLIENT_SECRET`] = secret ?? clientSecret;
  }
  for (const [name, value] of Object.entries(bindings)) keepOutOfTheLog(name, value);
  return new Site({
    url,
    providers: running,
    options: {
      port,
      settings: { hosts: ['127.0.0.1'], rules: RULES, providers: registrations, ...settings },
      secrets: bindings,
      onLog: remember,
      ...options,
    },
  });
}

class Site {
  #options;
  #builds = [];

  constructor({ url, providers, options }) {
    this.url = url;
    this.providers = providers;
    /** The first of them. */
    this.provider = Object.values(providers)[0];
    this.#options = options;
  }

  get settings() {
    return this.#options.settings;
  }

  get secrets() {
    return this.#options.secrets;
  }

  get logs() {
    return this.gate.logs;
  }

  visitor() {
    return new Visitor(this.url);
  }

  async start() {
    this.gate = await startGate(this.#options);
  }

  /**
   * A fresh gate at the same address, as after a deployment: with these settings and secrets in the
   * place of those, and with a clock that is so many seconds ahead, or random numbers that are this byte over and over.
   */
  async restart({ settings = {}, secrets = {}, later = 0, random } = {}) {
    await this.gate.dispose();
    const { settings: before, secrets: known } = this.#options;
    for (const [name, value] of Object.entries(secrets)) keepOutOfTheLog(name, value);
    const clock = later && `{ const now = Date.now; Date.now = () => now() + ${later * 1000}; }\n`;
    const numbers = random === undefined ? '' : `Crypto.prototype.getRandomValues = (array) => array.fill(${random});\n`;
    const build = clock || numbers ? await this.#buildAfter(`${clock || ''}${numbers}`) : undefined;
    this.#options = { ...this.#options, settings: { ...before, ...settings }, secrets: { ...known, ...secrets }, build };
    await this.start();
  }

  async close() {
    await this.gate?.dispose();
    for (const provider of new Set(Object.values(this.providers))) if (provider.server.listening) await provider.close();
    for (const directory of this.#builds) await rm(directory, { recursive: true });
  }

  /** The same module; only what it finds in the platform is another thing, once this script has run. */
  async #buildAfter(script) {
    const directory = await mkdtemp(join(tmpdir(), 'portcullis-'));
    this.#builds.push(directory);
    await cp(join(root, 'build'), directory, { recursive: true });
    const glue = join(directory, 'index.js');
    await writeFile(glue, script + (await readFile(glue, 'utf8')));
    return directory;
  }
}

async function startOne(url, { keys, ...options }) {
  const signingKeys = keys ?? [await rsaKey()];
  const provider = await startProvider({
    redirectUris: [`${url}/.auth/callback`],
    postLogoutRedirectUris: [`${url}/.auth/signed-out`],
    keys: signingKeys,
    ...options,
  });
  return { ...provider, key: signingKeys[0] };
}

/** A port that was free a moment ago: the provider must know the gate's address before it starts. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
