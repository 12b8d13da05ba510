// What a request costs: every call of the KV namespace and of `fetch` is counted where it arrives.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, beforeEach, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { navigation } from './support/exchange.mjs';
import { gateSecrets, LOCAL, startSite } from './support/site.mjs';

const secrets = { ...gateSecrets(), PORTCULLIS_DEMO_CLIENT_SECRET: 'the secret of every gate here' };

describe('calls', { timeout: 30_000 }, () => {
  let site;
  let cookie;

  const start = (settings) =>
    startSite({ counting: true, settings, provider: { clientSecret: secrets.PORTCULLIS_DEMO_CLIENT_SECRET }, gate: { secrets } });

  /** The calls since the last time, of KV and of `fetch`. */
  async function calls(of = site) {
    return { kv: await of.kvCalls(), fetched: (await of.fetched()).map(({ url }) => new URL(url).pathname) };
  }

  before(async () => {
    site = await start();
    ({ cookie } = await site.signIn({ path: '/a' }));
  });
  after(() => site.stop());
  beforeEach(() => calls());

  const NONE = { kv: [], fetched: [] };

  test('of a login: what the provider publishes is read and kept, the code is exchanged once', async () => {
    const fresh = await start();
    try {
      await fresh.signIn({ path: '/a' });
      const first = await calls(fresh);
      assert.deepEqual(first.fetched.sort(), ['/.well-known/openid-configuration', '/jwks', '/token']);
      assert.ok(first.kv.some(({ call }) => call === 'get'));
      assert.equal(first.kv.filter(({ call }) => call === 'put').length, 2);
      await fresh.signIn({ path: '/a' });
      assert.deepEqual(await calls(fresh), { kv: [], fetched: ['/token'] });
    } finally {
      await fresh.stop();
    }
  });

  test('of a signed-in request: none', async () => {
    for (const path of ['/a', '/a?b', '/admin/x', '/public/x', '/.auth/me', '/.auth/health']) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await site.send(path, { method, headers: { cookie } });
        assert.equal(answer.status, 200, path);
      }
    }
    const posted = await site.send('/a', { method: 'POST', headers: { cookie, origin: LOCAL }, body: 'a=b' });
    assert.equal(posted.status, 200);
    const socket = new WebSocket(`ws://127.0.0.1:${new URL(site.gate.url).port}/chat`, {
      headers: { host: 'localhost', cookie, origin: LOCAL },
    });
    await once(socket, 'open');
    socket.terminate();
    assert.deepEqual(await calls(), NONE);
  });

  test('of a signed-in request that is the first of its isolate: none', async () => {
    // The same secret and the same provider, in another process.
    const { issuer, clientId } = site.provider;
    const providers = [{ id: 'demo', title: 'Demo provider', issuer, client_id: clientId }];
    const other = await start({ providers });
    try {
      const answer = await other.send('/a', { headers: { cookie } });
      assert.equal(answer.status, 200);
      const [arrived] = await other.arrived();
      assert.equal(arrived.header('x-auth-subject'), 'ada');
      assert.deepEqual(await calls(other), NONE);
    } finally {
      await other.stop();
    }
  });

  test('of a person who is refused: none', async () => {
    const { cookie: bobs } = await site.signIn({ user: 'bob', path: '/a' });
    await calls();
    for (const headers of [{}, navigation])
      assert.equal((await site.send('/admin/x', { headers: { cookie: bobs, ...headers } })).status, 403);
    assert.equal((await site.send('/a', { method: 'POST', headers: { cookie } })).status, 403);
    assert.equal((await site.send('/public/..%2fadmin', { headers: { cookie } })).status, 400);
    assert.deepEqual(await calls(), NONE);
  });

  test('of a stranger: none, and a login that is started writes nothing', async () => {
    const statuses = [];
    for (const headers of [{}, navigation, { ...navigation, cookie: 'portcullis=forged; portcullis-login-x=y' }]) {
      for (const path of [
        '/a',
        '/public/x',
        '/.auth/me',
        '/.auth/health',
        '/.auth/signed-out',
        '/.auth/logout',
        '/.auth/callback?code=c&state=s',
        '/.auth/nothing',
        '/%00',
      ]) {
        statuses.push((await site.send(path, { headers })).status);
      }
      assert.equal((await site.send('/x', { headers: { ...headers, host: 'evil.example' } })).status, 421);
    }
    assert.ok(statuses.includes(302) && statuses.includes(401) && statuses.includes(400));
    assert.deepEqual(await calls(), NONE);
    for (let count = 0; count < 10; count += 1) {
      assert.equal((await site.send('/.auth/login?return_to=/a', { headers: navigation })).status, 200);
    }
    assert.deepEqual(await calls(), NONE);
  });

  test('of KV that never end hold nobody up for long', async () => {
    const slow = await start();
    try {
      await slow.kvHangs(true);
      const began = Date.now();
      await slow.signIn({ path: '/a' });
      assert.ok(Date.now() - began < 10_000, `${Date.now() - began} ms`);
      assert.ok((await slow.kvCalls()).some(({ call }) => call === 'get'));
    } finally {
      await slow.stop();
    }
  });

  test('of a callback that nobody asked for: no exchange', async () => {
    const { steps } = await site.signIn({ path: '/a' });
    const { url } = steps.find((step) => step.url.includes('/.auth/callback'));
    await calls();
    const another = new URL(url);
    for (const [name, value] of [
      ['state', 'x'],
      ['iss', 'https://evil.example'],
    ]) {
      another.searchParams.set(name, value);
      await site.send(`${another.pathname}${another.search}`, { headers: navigation });
    }
    // The address of somebody else's callback, opened by another browser.
    const answer = await site.send(url.slice(LOCAL.length), { headers: navigation });
    assert.equal(answer.status, 302);
    assert.ok(answer.header('location').startsWith(`${site.provider.issuer}/auth?`));
    assert.deepEqual(await calls(), NONE);
  });
});
