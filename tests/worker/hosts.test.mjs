// The gate serves the hosts it was told to, over https; for any other it is not there.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { navigation, send, sendBytes } from './support/exchange.mjs';
import { LOCAL, SECURE, startSite } from './support/site.mjs';

describe('a host', { timeout: 20_000 }, () => {
  let site;
  let cookie;

  before(async () => {
    site = await startSite({ settings: { hosts: ['localhost', 'docs.example.com', 'docs.example.com:8443', '127.0.0.1:8787'] } });
    ({ cookie } = await site.signIn({ path: '/a' }));
  });
  after(() => site.stop());
  beforeEach(() => site.arrived());

  const ask = (host, path = '/public/x', options = {}) =>
    site.send(path, { ...options, headers: { host, cookie, ...options.headers } });

  for (const host of ['localhost', 'localhost:8787', '127.0.0.1:8787']) {
    test(`${host} is served`, async () => {
      const answer = await ask(host);
      assert.equal(answer.status, 200);
      const [arrived] = await site.arrived();
      assert.equal(arrived.url, `http://${host}/public/x`);
    });
  }

  const others = [
    'example.com',
    'gate.workers.dev',
    'localhost.',
    'localhost.evil.example',
    'xlocalhost',
    '127.0.0.1',
    '127.0.0.1:8788',
    '127.1:8787',
    '2130706433:8787',
    '[::1]',
    '[::ffff:127.0.0.1]:8787',
    'docs.example.com.',
    'docs.example.com:80',
    'docs.example.com:443',
    'docs.example.com:8444',
    'www.docs.example.com',
    'example.com:8443',
  ];
  for (const host of others) {
    test(`${host} is not`, async () => {
      for (const path of ['/public/x', '/x', '/.auth/login', '/.auth/me', '/.auth/health', '/.auth/nothing']) {
        for (const headers of [{}, navigation]) {
          const answer = await ask(host, path, { headers });
          assert.equal(answer.status, 421, `${path}: ${answer.body}`);
        }
      }
      assert.deepEqual(await site.arrived(), []);
    });
  }

  // The runtime turns most of them down itself.
  const none = [
    '',
    '*',
    'localhost:8787.evil.example',
    'localhost:x',
    'localhost, evil.example',
    'evil.example, localhost',
    'localhost@evil.example',
    'evil.example@localhost',
    'evil.example#localhost',
    'evil.example?localhost',
    'localhost#evil.example',
    'localhost?evil.example',
    'localhost/evil.example',
    'evil.example/localhost',
    'evil.example\\localhost',
    'localhost\\evil.example',
    'localhost%00.evil.example',
    'localhost evil.example',
    'localhost\r\nHost: evil.example',
    'evil.example\r\nHost: localhost',
  ];
  for (const host of none) {
    test(`${JSON.stringify(host)} is no host`, async () => {
      for (const path of ['/public/x', '/x', '/.auth/me']) {
        const status = await sendBytes(site.gate.url, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`);
        assert.ok([400, 421, 500].includes(status), `${path}: ${status}`);
      }
      assert.deepEqual(await site.arrived(), []);
    });
  }

  test('in capitals is the same host, or none', async () => {
    for (const host of ['LOCALHOST', 'LocalHost:8787']) {
      const answer = await ask(host);
      assert.ok([200, 421].includes(answer.status), `${host}: ${answer.status}`);
      for (const arrived of await site.arrived()) assert.equal(arrived.url, `http://${host.toLowerCase()}/public/x`);
    }
  });

  test('is the one of the request, and of no header beside it', async () => {
    for (const name of [
      'x-forwarded-host',
      'x-original-host',
      'x-host',
      'forwarded',
      'x-original-url',
      'x-rewrite-url',
      'x-forwarded-proto',
    ]) {
      for (const value of ['docs.example.com', 'host=localhost', '/public/x', 'https']) {
        const elsewhere = await ask('evil.example', '/public/x', { headers: { [name]: value } });
        assert.equal(elsewhere.status, 421, `${name}: ${value}`);
        const here = await send(`${LOCAL}/x`, { through: site.gate.url, headers: { [name]: value } });
        assert.equal(here.status, 401, `${name}: ${value}`);
      }
    }
    assert.deepEqual(await site.arrived(), []);
  });

  test('of a request line counts, where one is in it', async () => {
    const line = (target, host) => sendBytes(site.gate.url, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert.notEqual(await line('http://evil.example/public/x', 'evil.example'), 200);
    assert.notEqual(await line('http://localhost/x', 'localhost'), 200);
    await line('http://evil.example/public/x', 'localhost');
    await line('http://localhost/public/x', 'evil.example');
    for (const { url } of await site.arrived()) assert.match(url, /^http:\/\/localhost\/(?!x)/);
  });

  test('that is not served is a 421 that says nothing of ours, and starts nothing', async () => {
    const page = await ask('evil.example', '/x', { headers: navigation });
    assert.deepEqual([page.status, page.header('cache-control'), page.header('location')], [421, 'no-store', undefined]);
    assert.deepEqual(page.all('set-cookie'), []);
    assert.doesNotMatch(page.body, /localhost|docs\.example|\.auth|Demo provider|ada/);
    const problem = await ask('evil.example', '/x');
    assert.deepEqual([problem.status, problem.json().code, problem.json().login_url], [421, 'host_unknown', undefined]);
    const { record } = await site.gate.logs.until((entry) => entry.record?.request === problem.json().request);
    assert.deepEqual([record.code, record.detail, record.host, record.path], ['host_unknown', 'http://evil.example', '', '']);
  });

  test("another host's session counts as none", async () => {
    for (const host of ['localhost:8787', '127.0.0.1:8787']) {
      const answer = await ask(host, '/x');
      assert.equal(answer.status, 401, host);
    }
    assert.equal((await ask('localhost', '/x')).status, 200);
  });
});

describe('RFC 9700 2.6: plain http to a host that is not this machine', { timeout: 20_000 }, () => {
  let site;

  before(async () => {
    site = await startSite();
  });
  after(() => site.stop());

  const ask = (path, options = {}) => send(`http://docs.example.com${path}`, { through: site.gate.url, ...options });

  for (const path of [
    '/',
    '/x?a=1&b=%2F',
    '/public/x',
    '/%C3%A9//y',
    '/.auth/login?return_to=%2F',
    '/.auth/callback?code=c&state=s',
  ]) {
    test(`${path} is read over https`, async () => {
      for (const method of ['GET', 'HEAD']) {
        const answer = await ask(path, { method, headers: navigation });
        assert.deepEqual([answer.status, answer.header('location')], [308, `${SECURE}${path}`]);
        assert.equal(answer.header('cache-control'), 'no-store');
        assert.deepEqual(answer.all('set-cookie'), []);
      }
      assert.deepEqual(await site.arrived(), []);
    });
  }

  test('takes nothing', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND']) {
      for (const path of ['/public/x', '/x', '/.auth/logout']) {
        const answer = await ask(path, {
          method,
          headers: { origin: 'http://docs.example.com' },
          body: method === 'POST' ? 'a=b' : undefined,
        });
        assert.deepEqual([answer.status, answer.json().code], [400, 'plain_http']);
      }
    }
    assert.deepEqual(await site.arrived(), []);
  });
});

describe('https', { timeout: 20_000 }, () => {
  let site;

  before(async () => {
    site = await startSite({ gate: { https: true } });
  });
  after(() => site.stop());

  test('signs in and leads to the page, with cookies of this host alone', async () => {
    const { location, cookie, visitor } = await site.signIn({ site: SECURE, path: '/a?b=c' });
    assert.equal(location, `${SECURE}/a?b=c`);
    assert.match(cookie, /__Host-portcullis=/);
    await site.arrived();
    const answer = await visitor.visit(location);
    assert.equal(answer.status, 200);
    const [arrived] = await site.arrived();
    assert.deepEqual([arrived.url, arrived.header('x-auth-subject'), arrived.header('cookie')], [location, 'ada', undefined]);
  });

  test('does not know the names of cookies that any page of a sibling host could set', async () => {
    const { cookie } = await site.signIn({ site: SECURE, path: '/a' });
    const bare = cookie.replaceAll('__Host-', '');
    for (const header of [bare, cookie.replaceAll('__Host-', '__Secure-'), cookie.replaceAll('__Host-', '__HOST-')]) {
      const answer = await send(`${SECURE}/x`, { through: site.gate.url, headers: { cookie: header } });
      assert.equal(answer.status, 401);
    }
    assert.equal((await send(`${SECURE}/x`, { through: site.gate.url, headers: { cookie } })).status, 200);
  });
});
