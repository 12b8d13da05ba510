// Runs the built gate in workerd, the runtime of Cloudflare Workers, with Miniflare around it.
// `npm start` and the tests use it; both get exactly the modules that wrangler would deploy.

import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Log, LogLevel, Miniflare } from 'miniflare';
import { root } from './setup.mjs';

/**
 * `url` is a socket of workerd's own, without Miniflare's proxy in between: paths arrive as they were
 * sent (the proxy resolves `%2e%2e` and `\`), `Accept-Encoding` too, and an exception that the gate
 * does not catch ends as on Cloudflare and is logged.
 *
 * @param {object} options
 * @param {string} [options.host]      address to listen on
 * @param {number} [options.port]      0: any free port; see `url`
 * @param {boolean} [options.https]    with a certificate made for the occasion; `url` is Miniflare's proxy then
 * @param {object} [options.settings]  the variable PORTCULLIS; left out, there is no such variable
 * @param {string} [options.settingsFile]  text to put in the place of portcullis.json
 * @param {object} [options.secrets]   PORTCULLIS_SECRET and the other text bindings
 * @param {boolean|string} [options.kv]  whether there is a namespace PORTCULLIS_KV (empty, in memory), or the
 *        directory where wrangler keeps that of `--local`
 * @param {object} [options.origin]
 * @param {string|object|false} [options.origin.assets]  directory behind the binding ASSETS, or
 *        `{ directory, html_handling, not_found_handling }`; `_redirects` and `_headers` count
 * @param {object} [options.origin.services]  service bindings by name: a Worker (Miniflare's worker
 *        options, run in the same workerd), the name of one in `workers`, or a function of a request
 * @param {string|Function} [options.origin.fetch]  answers what the gate fetches, instead of the network
 * @param {object[]} [options.workers]  further Workers, as Miniflare takes them
 * @param {string} [options.build]     directory of the built module, for a build with other features
 * @param {Function} [options.onLog]   called with each log entry as it comes
 * @returns {Promise<Gate>}
 */
export async function startGate({
  host = '127.0.0.1',
  port = 0,
  https = false,
  settings,
  settingsFile,
  secrets = {},
  kv = true,
  origin = {},
  workers = [],
  build = 'build',
  onLog = () => {},
} = {}) {
  const { assets = 'demo/site', services = {}, fetch: outboundService } = origin;
  const { serviceBindings, servers } = serviceWorkers(services);
  const logs = new Logs(onLog);
  const gate = {
    name: 'gate',
    unsafeDirectSockets: [{ host, port: https ? 0 : port }],
    compatibilityDate: await compatibilityDate(),
    modulesRoot: root,
    modules: await modules({ build, settingsFile }),
    bindings: { ...secrets, ...(settings === undefined ? {} : { PORTCULLIS: settings }) },
    serviceBindings,
    ...(kv && { kvNamespaces: ['PORTCULLIS_KV'] }),
    ...(assets && { assets: assetsBinding(assets) }),
    ...(outboundService && { outboundService }),
  };
  const mf = new Miniflare({
    host,
    port: https ? port : 0,
    https,
    ...(typeof kv === 'string' && { kvPersist: kv }),
    cf: false,
    log: new RuntimeLog(logs),
    logRequests: false,
    structuredWorkerdLogs: true,
    handleStructuredLogs: (entry) => logs.add(entry),
    workers: [gate, ...servers, ...workers],
  });
  try {
    const proxy = await mf.ready;
    return new Gate(mf, https ? proxy : await mf.unsafeGetDirectURL(gate.name), logs);
  } catch (error) {
    await mf.dispose();
    throw error;
  }
}

class Gate {
  constructor(mf, url, logs) {
    /** The Miniflare instance: `dispatchFetch`, `getKVNamespace`, … */
    this.mf = mf;
    /** Where it listens. */
    this.url = url;
    /** What the Worker logged so far. */
    this.logs = logs;
  }

  dispose() {
    return this.mf.dispose();
  }
}

/** Log entries `{ level, message, record }`; `record` is the message's JSON object, if it is one. */
class Logs extends Array {
  static get [Symbol.species]() {
    return Array;
  }

  #onLog;
  #waiting = new Set();

  constructor(onLog) {
    super();
    this.#onLog = onLog;
  }

  add({ level, message }) {
    const entry = { level, message, record: record(message) };
    this.push(entry);
    this.#onLog(entry);
    for (const check of [...this.#waiting]) check();
  }

  /** The records of one code; a log line can arrive a little later than the answer it belongs to. */
  withCode(code) {
    return this.filter((entry) => entry.record?.code === code).map((entry) => entry.record);
  }

  /** Resolves with the first entry for which `accepts` holds, past or to come. */
  until(accepts, { timeout = 2000 } = {}) {
    return new Promise((found, failed) => {
      const check = () => {
        const entry = this.find(accepts);
        if (!entry) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        found(entry);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        failed(new Error(`Not logged within ${timeout} ms. Logged:\n${this.map((entry) => entry.message).join('\n')}`));
      }, timeout);
      this.#waiting.add(check);
      check();
    });
  }
}

/** What Miniflare itself has to say of the Worker: an exception that it did not catch, above all. */
class RuntimeLog extends Log {
  #logs;

  constructor(logs) {
    super(LogLevel.WARN);
    this.#logs = logs;
  }

  logWithLevel(level, message) {
    if (level <= LogLevel.WARN) this.#logs.add({ level: level === LogLevel.ERROR ? 'error' : 'warn', message });
  }
}

function record(message) {
  try {
    const value = JSON.parse(message);
    return value !== null && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** One place decides the date: the file that is deployed. */
async function compatibilityDate() {
  const wrangler = await readFile(join(root, 'wrangler.toml'), 'utf8');
  const date = /^compatibility_date\s*=\s*["']([\d-]+)["']/m.exec(wrangler)?.[1];
  if (!date) throw new Error('wrangler.toml names no compatibility_date.');
  return date;
}

/** Listed one by one, so that another build can stand where entry.js looks for `./build`. */
async function modules({ build, settingsFile }) {
  const from = (path) => readFile(resolve(root, build, path));
  return [
    { type: 'ESModule', path: join(root, 'entry.js') },
    ...(await adapterModules()),
    { type: 'ESModule', path: join(root, 'build/index.js'), contents: await from('index.js') },
    { type: 'CompiledWasm', path: join(root, 'build/index_bg.wasm'), contents: await from('index_bg.wasm') },
    { type: 'Text', path: join(root, 'portcullis.json'), ...(settingsFile !== undefined && { contents: settingsFile }) },
  ];
}

/** JavaScript of the Worker beside entry.js. */
async function adapterModules() {
  const directory = join(root, 'src/worker');
  const files = await readdir(directory, { recursive: true }).catch(() => []);
  return files.filter((file) => file.endsWith('.js')).map((file) => ({ type: 'ESModule', path: join(directory, file) }));
}

/** As wrangler binds them with `run_worker_first = true`. */
function assetsBinding(assets) {
  const { directory, ...assetConfig } = typeof assets === 'string' ? { directory: assets } : assets;
  return {
    directory: resolve(root, directory),
    binding: 'ASSETS',
    routerConfig: { has_user_worker: true, invoke_user_worker_ahead_of_assets: true },
    assetConfig: { not_found_handling: '404-page', ...assetConfig },
  };
}

function serviceWorkers(services) {
  const serviceBindings = {};
  const servers = [];
  for (const [binding, service] of Object.entries(services)) {
    const isWorker = typeof service === 'object' && ('modules' in service || 'script' in service);
    const name = `service-${binding.toLowerCase()}`;
    serviceBindings[binding] = isWorker ? name : service;
    if (isWorker) servers.push({ name, ...service });
  }
  return { serviceBindings, servers };
}
