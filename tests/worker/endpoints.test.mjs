// The gate's own addresses: exact paths, exact methods, and headers that keep what they say to whom it is for.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { navigation } from './support/exchange.mjs';
import { LOCAL, SECURE, startSite } from './support/site.mjs';

const METHODS = {
  login: ['GET', 'HEAD'],
  callback: ['GET'],
  logout: ['GET', 'POST'],
  'signed-out': ['GET', 'HEAD'],
  'signed-in': ['GET', 'HEAD'],
  'client.js': ['GET', 'HEAD'],
  me: ['GET', 'HEAD'],
  health: ['GET', 'HEAD'],
};
const EVERY_METHOD = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY'];

describe('an own endpoint', { timeout: 20_000 }, () => {
  let site;
  let visitor;
  let cookie;

  before(async () => {
    site = await startSite();
    ({ visitor, cookie } = await site.signIn({ path: '/a' }));
  });
  after(() => site.stop());
  beforeEach(() => site.arrived());

  for (const [name, methods] of Object.entries(METHODS)) {
    test(`/.auth/${name} takes ${methods.join(' and ')} alone`, async () => {
      for (const method of EVERY_METHOD.filter((each) => !methods.includes(each))) {
        for (const headers of [
          { cookie, origin: LOCAL },
          { ...navigation, cookie, origin: LOCAL },
        ]) {
          const answer = await site.send(`/.auth/${name}`, { method, headers });
          assert.equal(answer.status, 405, method);
          assert.equal(answer.header('allow'), methods.join(', '), method);
          assertPrivate(answer);
          assert.deepEqual(answer.all('set-cookie'), []);
        }
      }
      assert.deepEqual(await site.arrived(), []);
    });
  }

  test('RFC 9700 4.2, 4.16: says nothing that anybody else could keep, frame, or take for something else', async () => {
    const visits = [
      ['/.auth/login?return_to=/a', 200],
      ['/.auth/login?provider=nobody', 400],
      ['/.auth/callback', 400],
      ['/.auth/callback?code=c&state=s', 400],
      ['/.auth/logout', 200],
      ['/.auth/signed-out', 200],
      ['/.auth/signed-in', 200],
      ['/.auth/me', 200],
      ['/.auth/health', 200],
      ['/.auth/nothing', 404],
      ['/.auth', 404],
      ['/admin/%00', 400],
    ];
    for (const [path, status] of visits) {
      const answer = await site.send(path, { headers: { ...navigation, cookie } });
      assert.equal(answer.status, status, path);
      // Without a referrer the form that signs out would not say where it comes from.
      assertPrivate(answer, path === '/.auth/logout' ? 'same-origin' : 'no-referrer');
      if (answer.header('content-type') === 'text/html; charset=utf-8') assertSealedOff(answer);
    }
    assert.deepEqual(await site.arrived(), []);
  });

  test('does not answer to other sites: there is no CORS', async () => {
    for (const path of ['/.auth/me', '/.auth/health', '/.auth/logout']) {
      for (const method of ['GET', 'OPTIONS']) {
        const headers = { cookie, origin: 'https://evil.example', 'access-control-request-method': 'GET' };
        const answer = await site.send(path, { method, headers });
        assert.deepEqual(
          answer.lines.filter(([name]) => name.startsWith('access-control')),
          [],
        );
      }
    }
  });

  test('/.auth/health says that it is there and nothing else', async () => {
    for (const headers of [{}, { cookie }, navigation]) {
      const answer = await site.send('/.auth/health', { headers });
      assert.deepEqual([answer.status, answer.header('content-type'), answer.body], [200, 'text/plain; charset=utf-8', 'ok\n']);
    }
    assert.equal((await site.send('/.auth/health', { method: 'HEAD' })).body, '');
  });

  test('/.auth/me says who the session says you are', async () => {
    const answer = await site.send('/.auth/me', { headers: { cookie } });
    assert.deepEqual([answer.status, answer.header('content-type')], [200, 'application/json']);
    const { expires, ...person } = answer.json();
    assert.deepEqual(person, {
      subject: 'ada',
      provider: 'demo',
      email: 'ada@example.com',
      email_verified: true,
      name: 'Ada Lindqvist',
      groups: ['admins'],
    });
    const left = expires - Date.now() / 1000;
    assert.ok(left > 8 * 3600 - 60 && left <= 8 * 3600, `${left} s`);
  });

  test('/.auth/me without a session is a 401 for programs, whoever asks', async () => {
    for (const headers of [{}, navigation]) {
      const answer = await site.send('/.auth/me', { headers });
      assert.deepEqual([answer.status, answer.header('content-type')], [401, 'application/problem+json']);
      assert.equal(answer.json().login_url, `${LOCAL}/.auth/login?return_to=%2F`);
      assert.match(answer.header('www-authenticate'), /^Cookie /);
    }
  });

  test('/.auth/login starts a login for a person who opens a page, and for nothing else', async () => {
    const others = [
      {},
      { accept: '*/*', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
      { accept: 'image/*', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
      { ...navigation, 'sec-fetch-dest': 'iframe' },
      { ...navigation, 'sec-purpose': 'prefetch' },
    ];
    for (const headers of others) {
      const answer = await site.send('/.auth/login?return_to=/a', { headers });
      assert.equal(answer.status, 401);
      assert.ok(answer.header('www-authenticate'));
      assert.deepEqual(answer.all('set-cookie'), []);
    }
    const answer = await site.send('/.auth/login?return_to=/a', { headers: navigation });
    assert.equal(answer.status, 200);
    assert.equal(answer.all('set-cookie').length, 1);
  });

  test('/.auth/logout is done from our own page alone', async () => {
    const foreign = [
      {},
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: LOCAL, 'sec-fetch-site': 'cross-site' },
      { origin: LOCAL, 'sec-fetch-site': 'same-site' },
      { origin: `${LOCAL}:8080` },
    ];
    for (const headers of foreign) {
      const answer = await site.send('/.auth/logout', { method: 'POST', headers: { cookie, ...headers } });
      assert.equal(answer.status, 403);
      assert.deepEqual(answer.all('set-cookie'), []);
    }
  });

  test('/.auth/logout asks first, by a form that may lead to the provider', async () => {
    const answer = await visitor.visit(`${LOCAL}/.auth/logout`);
    assert.equal(answer.status, 200);
    assert.match(answer.body, /<form [^>]*method="post"/);
    assert.match(answer.body, /ada@example\.com/);
    assert.ok(answer.header('content-security-policy').includes(`form-action 'self' ${site.provider.issuer} https:;`));
    assert.deepEqual(answer.all('set-cookie'), []);
  });

  test('RFC 9700 4.12: /.auth/logout clears every cookie and goes on, by a 303, to the provider with the ID token', async () => {
    const { visitor: leaving } = await site.signIn({ path: '/a' });
    const page = await leaving.visit(`${LOCAL}/.auth/logout`);
    const action = /<form [^>]*action="([^"]+)"/.exec(page.body)[1];
    const answer = await leaving.submit(new URL(action, LOCAL).href, {});
    assert.equal(answer.status, 303);
    assertPrivate(answer);
    const next = new URL(answer.header('location'));
    assert.equal(next.origin, site.provider.issuer);
    assert.equal(next.searchParams.get('post_logout_redirect_uri'), `${LOCAL}/.auth/signed-out`);
    assert.equal(next.searchParams.get('id_token_hint').split('.').length, 3);
    assert.deepEqual(leaving.cookieNames(LOCAL), []);
    for (const line of answer.all('set-cookie'))
      assert.match(line, /^portcullis[^=]*=; Path=\/[^;]*; Max-Age=0; HttpOnly; SameSite=Lax$/);
    assert.equal((await leaving.visit(`${LOCAL}/a`)).status, 302);
  });
});

describe('over https', { timeout: 20_000 }, () => {
  let site;

  before(async () => {
    site = await startSite({ gate: { https: true } });
  });
  after(() => site.stop());

  test('a logout deletes the cookies by the names and attributes they were set with', async () => {
    const { visitor } = await site.signIn({ site: SECURE, path: '/a' });
    const answer = await visitor.submit(`${SECURE}/.auth/logout`, {});
    assert.deepEqual([answer.status, answer.header('location')], [303, `${SECURE}/.auth/signed-out`]);
    for (const line of answer.all('set-cookie'))
      assert.match(line, /^__(?:Host|Secure)-portcullis[^=]*=; Path=\/[^;]*; Max-Age=0; HttpOnly; SameSite=Lax; Secure$/);
    assert.deepEqual(visitor.cookieNames(SECURE), []);
  });
});

function assertPrivate(answer, referrers = 'no-referrer') {
  assert.equal(answer.header('cache-control'), 'no-store');
  assert.equal(answer.header('referrer-policy'), referrers);
  assert.equal(answer.header('x-content-type-options'), 'nosniff');
}

function assertSealedOff(answer) {
  const policy = answer.header('content-security-policy');
  assert.match(policy, /^default-src 'none'; /);
  assert.match(policy, /base-uri 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  // An icon of no bytes, so that nobody asks for the site's.
  assert.doesNotMatch(policy.replace('; img-src data:;', ';'), /unsafe|\*|data:/);
  assert.equal(answer.header('x-frame-options'), 'DENY');
  assert.doesNotMatch(answer.body, /\son\w+=|style="|javascript:|src=/);
}
