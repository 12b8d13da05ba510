// A reverse proxy as the paper sets it up: nginx or Caddy, run with the very lines of docs/behind-a-proxy.md,
// between a visitor and a site, with the gate beside it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProxies } from '../../../../scripts/proxies.mjs';
import { root } from '../../../../scripts/setup.mjs';
import { send } from '../../support/exchange.mjs';
import { signIn } from '../../support/login.mjs';
import { startServer } from '../../support/origin.mjs';
import { startSite } from '../../support/site.mjs';

const paper = await readFile(join(root, 'docs/behind-a-proxy.md'), 'utf8');
const programs = await findProxies();

/** Of the proxy and the gate alone. */
export const CHECK_SECRET = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64');

/** How each is run: its files in a directory of the test's, nothing in the background. */
const RUN = {
  nginx: {
    file: 'nginx.conf',
    configuration: (lines, directory) => `
      daemon off;
      master_process off;
      pid ${directory}/pid;
      error_log stderr warn;
      events {}
      http {
        access_log off;
        client_body_temp_path ${directory}/body;
        proxy_temp_path ${directory}/proxy;
        fastcgi_temp_path ${directory}/fastcgi;
        uwsgi_temp_path ${directory}/uwsgi;
        scgi_temp_path ${directory}/scgi;
        ${lines}
      }`,
    args: (file, directory) => ['-p', directory, '-c', file, '-e', 'stderr'],
  },
  caddy: {
    file: 'Caddyfile',
    configuration: (lines) => `{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}\n${lines}`,
    args: (file) => ['run', '--config', file, '--adapter', 'caddyfile'],
  },
};

/**
 * The gate, the site and the proxy between them.
 *
 * @param {'nginx'|'caddy'} name
 * @param {object} [settings]  more settings of the gate
 */
export async function startBehind(name, settings) {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const site = await startServer();
  const gate = await startSite({
    settings: { check: name, ...settings },
    provider: { redirectUris: [`${origin}/.auth/callback`], postLogoutRedirectUris: [`${origin}/.auth/signed-out`] },
    gate: { secrets: { PORTCULLIS_CHECK_SECRET: CHECK_SECRET } },
  });
  const stopOthers = () => Promise.all([gate.stop(), site.stop()]);
  const proxy = await startProxy(name, port, { gate: new URL(gate.gate.url).host, site: new URL(site.address).host }).catch(
    async (error) => {
      await stopOthers();
      throw error;
    },
  );
  return {
    origin,
    gate,
    proxy,
    arrived: () => site.arrived(),
    send: (path, { at = origin, ...options } = {}) => send(`${at}${path}`, { through: origin, ...options }),
    signIn: (options) => signIn(origin, options),
    stop: () => Promise.all([proxy.stop(), stopOthers()]),
  };
}

/** The paper's lines for this test's addresses, each of which has to be in them. */
function linesFor(name, port, { gate, site }) {
  const [, lines] = new RegExp(`\`\`\`${name}\n([\\s\\S]*?)\`\`\``).exec(paper);
  const places = [
    ['127.0.0.1:8787', gate],
    ['127.0.0.1:8080', site],
    [/(127\.0\.0\.1|docs\.example\.com):8000/, (_, host) => `${host}:${port}`],
    ['docs.example.com', 'localhost'],
    ['THE-SECRET', CHECK_SECRET],
  ];
  return places.reduce((text, [wanted, value]) => {
    assert.ok(text.search(wanted) >= 0, `${wanted} is not among the paper's lines for ${name}`);
    return text.replaceAll(wanted instanceof RegExp ? new RegExp(wanted, 'g') : wanted, value);
  }, lines);
}

async function startProxy(name, port, places) {
  const directory = await mkdtemp(join(tmpdir(), `portcullis-${name}-`));
  const { file, configuration, args } = RUN[name];
  const path = join(directory, file);
  await writeFile(path, configuration(linesFor(name, port, places), directory));
  const env = { ...process.env, HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory };
  const child = spawn(programs[name], args(path, directory), { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill();
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  for (let attempt = 0; !(await isListening(port)); attempt += 1) {
    if (child.exitCode !== null || attempt > 200) {
      await stop();
      throw new Error(`${name} does not start:\n${log}`);
    }
    await sleep(50);
  }
  return { port, stop, log: () => log };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function isListening(port) {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => (socket.destroy(), done(true)));
    socket.on('error', () => done(false));
  });
}
