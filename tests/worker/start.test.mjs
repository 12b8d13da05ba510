// The commands that a newcomer types first: `npm start`, and wrangler's own for the same Worker.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { root } from '../../scripts/setup.mjs';
import { freePort } from './provider/support/site.mjs';
import { navigation, send } from './support/exchange.mjs';
import { signIn } from './support/login.mjs';

/** A command in a process group of its own, as a shell starts it, and everything that it says. */
class Command {
  constructor(command, args, env = {}) {
    this.said = '';
    this.child = spawn(command, args, { cwd: root, detached: true, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.setEncoding('utf8').on('data', (text) => (this.said += text));
    this.ended = once(this.child, 'exit').then(([code, signal]) => ({ code, signal }));
  }

  /** Waits until it has said this. */
  async says(text) {
    for (const patience = Date.now() + 60_000; !this.said.includes(text); await new Promise((resolve) => setTimeout(resolve, 50))) {
      if (this.child.exitCode !== null || Date.now() > patience) throw new Error(`It never said "${text}":\n${this.said}`);
    }
  }

  /** Ctrl-C goes to the whole group. */
  async interrupt() {
    process.kill(-this.child.pid, 'SIGINT');
    return this.ended;
  }
}

const refused = async (url) => {
  await assert.rejects(send(url), /ECONNREFUSED/);
};

describe('npm start', { timeout: 120_000 }, () => {
  let site;
  let provider;
  let env;
  let start;
  before(async () => {
    const [port, providerPort] = [await freePort(), await freePort()];
    [site, provider] = [`http://localhost:${port}`, `http://localhost:${providerPort}`];
    env = { PORT: String(port), PROVIDER_PORT: String(providerPort) };
    start = new Command('npm', ['start', '--silent'], env);
    await start.says('Ctrl-C ends all of it.');
  });
  after(() => start.child.exitCode ?? start.interrupt());

  test('says where everything is, who can sign in and what to try, and sets nothing up that is there', () => {
    for (const part of [`${site}/members/`, `${site}/admin/`, `${provider}/`, 'ada   staff and admins', 'bob   staff', 'demo.', 'curl -i']) {
      assert.ok(start.said.includes(part), `${part} is not in:\n${start.said}`);
    }
    const lines = start.said.slice(0, start.said.indexOf('The site')).split('\n');
    assert.deepEqual(lines.filter((line) => line.trim() && !line.includes('is up to date')), [], 'nothing is said of setting up');
  });

  test('serves the site, guards its members’ area and signs people in at the provider', async () => {
    const page = await send(`${site}/`);
    assert.deepEqual([page.status, /<html/.test(page.body)], [200, true]);
    assert.equal((await send(`${site}/members/`)).status, 401);
    const asked = await send(`${site}/members/`, { headers: navigation });
    assert.deepEqual([asked.status, asked.header('location')?.startsWith(`${site}/.auth/login?`)], [302, true]);
    const login = await send(asked.header('location'), { headers: navigation });
    assert.ok(login.body.includes(`${provider}/auth?`), login.body);
    const metadata = await send(`${provider}/.well-known/openid-configuration`);
    assert.equal(metadata.json().issuer, provider);
    // By the secret, the key and the address of return that it set up, and with the groups that the rules name.
    for (const [user, status] of [['ada', 200], ['bob', 403]]) {
      const { cookie, location } = await signIn(`${site}/`, { user });
      assert.equal(location, `${site}/members/`);
      assert.equal((await send(location, { headers: { cookie } })).status, 200);
      assert.equal((await send(`${site}/admin/`, { headers: { cookie } })).status, status, user);
    }
  });

  test('lets the machine in whose token it shows', async () => {
    const token = /Portcullis-Token: (\S+)'/.exec(start.said)[1];
    assert.equal((await send(`${site}/api/hive-7.json`)).status, 401);
    assert.equal((await send(`${site}/api/hive-7.json`, { headers: { 'portcullis-token': token } })).status, 200);
  });

  test('says which port is taken, and how to choose another', async () => {
    for (const [name, others] of [['PORT', {}], ['PROVIDER_PORT', { PORT: String(await freePort()) }]]) {
      const second = new Command('npm', ['start', '--silent'], { ...env, ...others });
      const { code } = await second.ended;
      assert.equal(code, 1);
      assert.match(second.said, new RegExp(`Port ${env[name]} is in use\\. Choose another one: ${name}=\\d+ npm start`));
    }
  });

  test('says that the site and the provider need a port each', async () => {
    const port = await freePort();
    const both = new Command('npm', ['start', '--silent'], { PORT: String(port), PROVIDER_PORT: String(port) });
    assert.equal((await both.ended).code, 1);
    assert.equal(both.said.trim(), `PORT and PROVIDER_PORT are both ${port}, and the site and the provider need one each. Choose another one: PROVIDER_PORT=${port + 1} npm start`);
  });

  test('ends with Ctrl-C, all of it', async () => {
    await start.interrupt();
    for (const url of [site, provider]) await refused(`${url}/`);
  });
});

test('a build that is broken off does not count as the one before', { timeout: 120_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'portcullis-build-'));
  try {
    for (const name of ['index_bg.wasm', '.built-from']) await writeFile(join(directory, name), 'of before');
    const build = new Command('node', ['scripts/build.mjs'], { PORTCULLIS_OUT: directory, PORTCULLIS_FEATURES: 'no-such-feature' });
    assert.equal((await build.ended).code, 1, build.said);
    await assert.rejects(readFile(join(directory, '.built-from')), { code: 'ENOENT' });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('npx wrangler dev runs the same Worker, and node demo/provider.mjs beside it signs people in', { timeout: 120_000 }, async () => {
  const [port, providerPort] = [await freePort(), await freePort()];
  // As wrangler.toml has it, but at another port: somebody may try the demo meanwhile.
  const [known, issuer] = ['http://localhost:9000', `http://localhost:${providerPort}`];
  const config = `wrangler.local.${port}.toml`;
  const written = await readFile(join(root, 'wrangler.toml'), 'utf8');
  assert.equal(written.split(`"${known}"`).length, 2, 'it names the demo’s provider once');
  await writeFile(join(root, config), written.replace(known, issuer));
  const provider = new Command('node', ['demo/provider.mjs'], { PORT: String(port), PROVIDER_PORT: String(providerPort) });
  const dev = new Command('npx', ['wrangler', 'dev', '--config', config, '--ip', '127.0.0.1', '--port', String(port), '--inspector-port', String(await freePort())], { WRANGLER_SEND_METRICS: 'false', CI: '1' });
  try {
    await provider.says(`OpenID provider on ${issuer}`);
    await dev.says('Ready on');
    const site = `http://localhost:${port}`;
    assert.equal((await send(`${site}/`)).status, 200);
    assert.equal((await send(`${site}/.auth/health`)).status, 200);
    assert.equal((await send(`${site}/members/`)).status, 401);
    const { cookie, location } = await signIn(`${site}/`);
    assert.equal(location, `${site}/members/`);
    assert.equal((await send(location, { headers: { cookie } })).status, 200);
  } finally {
    for (const command of [dev, provider]) if (command.child.exitCode === null) await command.interrupt();
    await rm(join(root, config));
  }
  for (const url of [`http://localhost:${port}/`, `${issuer}/`]) await refused(url);
});
