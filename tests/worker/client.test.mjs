// The client script on its way: the same for everybody, kept by browsers, and small.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import vm from 'node:vm';
import { gzipSync } from 'node:zlib';
import { navigation } from './support/exchange.mjs';
import { LOCAL, startSite } from './support/site.mjs';

const SCRIPT = '/.auth/client.js';
/** What a page may spend on it, gzipped. */
const BUDGET = 4_000;
const script = { accept: '*/*', 'sec-fetch-dest': 'script', 'sec-fetch-mode': 'no-cors', 'sec-fetch-site': 'same-origin' };

describe('the client script', { timeout: 20_000 }, () => {
  let site;
  let cookie;
  let served;

  before(async () => {
    site = await startSite();
    ({ cookie } = await site.signIn({ path: '/a' }));
    served = await site.send(SCRIPT, { headers: script });
  });
  after(() => site.stop());
  beforeEach(() => site.arrived());

  const plain = (answer) => answer.lines.filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name));

  test('is a script that any cache may keep for an hour', () => {
    assert.equal(served.status, 200);
    assert.equal(served.header('content-type'), 'text/javascript; charset=utf-8');
    assert.equal(served.header('cache-control'), 'public, max-age=3600');
    assert.equal(served.header('x-content-type-options'), 'nosniff');
    assert.match(served.header('etag'), /^"[\w-]{16}"$/);
    assert.ok(served.body.includes(`const VERSION = '${served.header('etag').slice(1, -1)}';`));
  });

  test('is the same whoever asks and however, and never the origin’s matter', async () => {
    const others = [{}, { cookie }, { ...navigation, cookie }, { ...script, origin: 'https://evil.example' }, { 'x-auth-subject': 'eve' }, { range: 'bytes=0-9' }];
    for (const headers of others) {
      const answer = await site.send(SCRIPT, { headers });
      assert.deepEqual(plain(answer), plain(served));
      assert.equal(answer.body, served.body);
    }
    assert.doesNotMatch(served.body, /lindqvist|example\.com/i);
    assert.deepEqual(served.all('set-cookie'), []);
    assert.deepEqual(await site.arrived(), []);
    assert.deepEqual((await site.fetched()).map(({ url }) => url).filter((url) => !url.startsWith(site.provider.issuer)), []);
  });

  test('has no body for HEAD, and none for who has it already', async () => {
    const head = await site.send(SCRIPT, { method: 'HEAD' });
    assert.deepEqual([head.status, head.body, head.header('etag')], [200, '', served.header('etag')]);
    for (const tags of [served.header('etag'), `W/${served.header('etag')}`, `"other", ${served.header('etag')}`]) {
      const answer = await site.send(SCRIPT, { headers: { 'if-none-match': tags } });
      assert.deepEqual([answer.status, answer.body, answer.header('etag')], [304, '', served.header('etag')]);
      assert.equal(answer.header('cache-control'), 'public, max-age=3600');
    }
    assert.equal((await site.send(SCRIPT, { headers: { 'if-none-match': '"other"' } })).status, 200);
  });

  test('is kept for ever under its version, and under no other', async () => {
    const version = served.header('etag').slice(1, -1);
    const same = await site.send(`${SCRIPT}?v=${version}`);
    assert.deepEqual([same.header('cache-control'), same.body], ['public, max-age=31536000, immutable', served.body]);
    const other = await site.send(`${SCRIPT}?v=older`);
    assert.deepEqual([other.header('cache-control'), other.body], ['public, no-cache', served.body]);
  });

  test('runs as a classic script and as a module, and costs a page less than 4 KB', async () => {
    new vm.Script(served.body);
    new vm.Script(`(async () => { ${served.body} })`);
    assert.doesNotMatch(served.body, /\bexport\b|import\.meta/);
    const bytes = gzipSync(served.body, { level: 9 }).length;
    assert.ok(bytes < BUDGET, `${bytes} bytes`);
  });

  test('a session that ends: the 401 that the script looks for', async () => {
    const headers = { accept: '*/*', 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' };
    const answer = await site.send('/data.json', { headers });
    assert.deepEqual([answer.status, answer.header('content-type')], [401, 'application/problem+json']);
    const { code, title, login_url: login } = answer.json();
    assert.deepEqual([code, title], ['sign_in_required', 'Sign in first']);
    assert.equal(new URL(login).origin + new URL(login).pathname, `${LOCAL}/.auth/login`);
  });
});

describe('under another prefix', { timeout: 20_000 }, () => {
  test('the script looks for the gate there', async () => {
    const site = await startSite({ settings: { prefix: '/sso/gate' }, provider: { redirectUris: [`${LOCAL}/sso/gate/callback`] } });
    try {
      const answer = await site.send('/sso/gate/client.js');
      assert.match(answer.body, /const PREFIX = '\/sso\/gate';/);
      assert.equal((await site.send('/.auth/client.js', { headers: script })).status, 401);
    } finally {
      await site.stop();
    }
  });
});
