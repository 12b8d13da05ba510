// A protected site: the built gate in workerd, a recording origin behind it, a real provider beside it.

import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { startProvider } from '../../../demo/provider.mjs';
import { rsaKey } from '../../../demo/secrets.mjs';
import { startGate } from '../../../scripts/gate.mjs';
import { open, send, start } from './exchange.mjs';
import { signIn } from './login.mjs';
import { arrivedAt, recorder, startServer } from './origin.mjs';
import { Visitor } from './visitor.mjs';
import { gateWorker } from './worker.mjs';

/** Where browsers see the site; which port the socket has is nobody's business. */
export const LOCAL = 'http://localhost';
/** A host that is served over https alone. */
export const SECURE = 'https://docs.example.com';

/** What every provider of this process signs with: making one takes longer than starting a provider. */
const signingKey = await rsaKey();

const SERVICE = 'service-site';
const NETWORK = 'network';
const COUNTED = 'counted-gate';
const COUNTER = 'counter';

/** `/public/**` is for everybody, `/admin/**` for the admins, the rest for who is signed in. */
export const rules = [
  { path: '/public/**', sso: false },
  { path: '/admin/**', allow: [{ group: 'admins' }] },
];

/** Secrets that the gate accepts. */
export function gateSecrets() {
  return { PORTCULLIS_SECRET: randomBytes(32).toString('base64') };
}

/**
 * @param {object} [options]
 * @param {'service'|'zone'|'address'|'assets'} [options.origin]
 * @param {string|boolean} [options.secretHeader]  the setting `origin.secret_header`
 * @param {string|object} [options.assets]  as startGate takes them
 * @param {object|Function} [options.settings]  more settings, or other than these; of the issuer, where they name it
 * @param {object} [options.provider]  more options of startProvider
 * @param {object} [options.gate]      more options of startGate
 * @param {boolean} [options.counting] whether the calls of the KV namespace are counted
 * @param {boolean} [options.clock]    whether the clock of a gate that counts can be put forward; see clock.mjs
 * @returns {Promise<Site>}
 */
export async function startSite({
  origin = 'service',
  secretHeader,
  assets,
  settings,
  provider: providerOptions,
  gate: gateOptions,
  counting = false,
  clock = false,
} = {}) {
  const provider = await startProvider({
    redirectUris: [LOCAL, SECURE].map((site) => `${site}/.auth/callback`),
    postLogoutRedirectUris: [LOCAL, SECURE].map((site) => `${site}/.auth/signed-out`),
    keys: [signingKey],
    ...providerOptions,
  });
  const server = origin === 'address' ? await startServer() : undefined;
  const secret = secretHeader !== undefined && { secret_header: secretHeader };
  const options = {
    settings: {
      hosts: ['localhost', 'docs.example.com'],
      origin: {
        service: { service: 'SITE' },
        zone: { fetch: 'zone', ...secret },
        address: { fetch: server?.address, ...secret },
        assets: { assets: 'ASSETS' },
      }[origin],
      providers: [{ id: 'demo', title: 'Demo provider', issuer: provider.issuer, client_id: provider.clientId }],
      rules,
      ...(typeof settings === 'function' ? settings(provider.issuer) : settings),
    },
    ...gateOptions,
    secrets: { ...gateSecrets(), PORTCULLIS_DEMO_CLIENT_SECRET: provider.clientSecret, ...gateOptions?.secrets },
  };
  const gate = await startGate({
    ...options,
    origin: {
      assets: origin === 'assets' ? assets : false,
      services: { SITE: recorder() },
      // A server with an address is fetched from the network itself.
      ...(!server && { fetch: NETWORK }),
    },
    workers: [{ name: NETWORK, ...recorder({ provider: provider.issuer }) }, ...(counting ? countingWorkers({ ...options, clock }) : [])],
  });
  if (counting) gate.url = await gate.mf.unsafeGetDirectURL(COUNTED);
  return new Site({ gate, provider, server, origin });
}

/** The same gate once more, with a namespace that counts. */
function countingWorkers(options) {
  const worker = (name, file, others) => ({
    name,
    modules: true,
    scriptPath: fileURLToPath(new URL(file, import.meta.url)),
    ...others,
  });
  return [
    gateWorker(
      { name: COUNTED, ...options },
      {
        serviceBindings: { SITE: SERVICE },
        outboundService: NETWORK,
        wrappedBindings: { PORTCULLIS_KV: { scriptName: 'counting-kv' } },
      },
    ),
    worker('counting-kv', 'kv.mjs', { kvNamespaces: { NAMESPACE: 'counted' }, serviceBindings: { COUNTER } }),
    worker(COUNTER, 'counter.mjs', {
      kvNamespaces: { NAMESPACE: 'counted' },
      compatibilityDate: '2026-04-26',
      unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
    }),
  ];
}

class Site {
  constructor({ gate, provider, server, origin }) {
    this.gate = gate;
    this.provider = provider;
    /** The origin's server, when it has an address. */
    this.server = server;
    this.origin = origin;
    this.url = LOCAL;
  }

  /** One exchange with the gate; `path` as it is sent. */
  send(path, options) {
    return send(`${LOCAL}${path}`, { through: this.gate.url, ...options });
  }

  open(path, options) {
    return open(`${LOCAL}${path}`, { through: this.gate.url, ...options });
  }

  start(path, options) {
    return start(`${LOCAL}${path}`, { through: this.gate.url, ...options });
  }

  /** Somebody with a browser. */
  visitor() {
    return new Visitor({ [LOCAL]: this.gate.url, [SECURE]: this.gate.url });
  }

  /** A login; see login.mjs. */
  signIn({ site = LOCAL, visitor = this.visitor(), ...options } = {}) {
    return signIn(site, { visitor, ...options });
  }

  /** The requests that arrived at the origin since the last time. */
  async arrived() {
    if (this.server) return this.server.arrived();
    const arrived = await arrivedAt(this.gate.mf, this.origin === 'zone' ? NETWORK : SERVICE);
    return arrived.filter(({ url }) => !url.startsWith(this.provider.issuer));
  }

  /** Everything that the gate fetched since the last time: from the provider, and from the zone. */
  fetched() {
    return arrivedAt(this.gate.mf, NETWORK);
  }

  /** The calls of the namespace that counts, since the last time. */
  async kvCalls() {
    const answer = await send('http://counter.test/', { through: await this.gate.mf.unsafeGetDirectURL(COUNTER) });
    return answer.json();
  }

  /** Whether the namespace that counts keeps everybody waiting. */
  async kvHangs(hangs) {
    await send('http://counter.test/', { method: 'PUT', body: JSON.stringify(hangs), through: await this.gate.mf.unsafeGetDirectURL(COUNTER) });
  }

  /** The namespace behind the one that counts. */
  countedKv() {
    return this.gate.mf.getKVNamespace('NAMESPACE', COUNTER);
  }

  async stop() {
    await Promise.all([this.gate.dispose(), this.provider.close(), this.server?.stop()]);
  }
}
