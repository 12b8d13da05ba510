// What a visitor without a session gets: a person is led to a login, a program is told of one.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { navigation } from './support/exchange.mjs';
import { LOCAL, startSite } from './support/site.mjs';

const fetched = { accept: '*/*', 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' };
const inFrame = { ...navigation, 'sec-fetch-dest': 'iframe' };
const html = { accept: 'text/html,application/xhtml+xml' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };

// Who asks, how, and which of the three answers it is.
const visits = [
  ['a page in a tab', 'GET', navigation, 'login'],
  ['a page in a tab, its head', 'HEAD', navigation, 'login'],
  ['a page in a tab, from another site', 'GET', { ...navigation, 'sec-fetch-site': 'cross-site' }, 'login'],
  ['a page in an old browser', 'GET', html, 'login'],
  ['a page in an old browser, its head', 'HEAD', html, 'login'],
  ['a page in a frame', 'GET', inFrame, 'page'],
  ['a page in an older kind of frame', 'GET', { ...navigation, 'sec-fetch-dest': 'frame' }, 'page'],
  ['an embedded page', 'GET', { ...navigation, 'sec-fetch-dest': 'embed' }, 'page'],
  ['an object', 'GET', { ...navigation, 'sec-fetch-dest': 'object' }, 'page'],
  ['a form', 'POST', { ...navigation, ...form, 'sec-fetch-site': 'same-origin' }, 'page'],
  ['a form of another site', 'POST', { ...navigation, ...form, 'sec-fetch-site': 'cross-site' }, 'page'],
  ['a form in an old browser', 'POST', { ...html, ...form }, 'page'],
  ['a form with a file in an old browser', 'POST', { ...html, 'content-type': 'multipart/form-data; boundary=x' }, 'page'],
  ['fetch', 'GET', fetched, 'problem'],
  ['fetch that asks for HTML', 'GET', { ...fetched, ...html }, 'problem'],
  ['fetch with a method', 'DELETE', fetched, 'problem'],
  ['fetch that posts a form', 'POST', { ...fetched, ...form }, 'problem'],
  ['XMLHttpRequest in an old browser', 'GET', { accept: 'application/json' }, 'problem'],
  ['EventSource', 'GET', { ...fetched, accept: 'text/event-stream' }, 'problem'],
  ['an image', 'GET', { accept: 'image/*', 'sec-fetch-dest': 'image', 'sec-fetch-mode': 'no-cors' }, 'problem'],
  ['a script', 'GET', { accept: '*/*', 'sec-fetch-dest': 'script', 'sec-fetch-mode': 'no-cors' }, 'problem'],
  ['a font', 'GET', { accept: '*/*', 'sec-fetch-dest': 'font', 'sec-fetch-mode': 'cors' }, 'problem'],
  ['a worker', 'GET', { accept: '*/*', 'sec-fetch-dest': 'worker', 'sec-fetch-mode': 'same-origin' }, 'problem'],
  ['a page fetched in advance', 'GET', { ...navigation, 'sec-purpose': 'prefetch' }, 'problem'],
  ['a page rendered in advance', 'GET', { ...navigation, 'sec-purpose': 'prefetch;prerender' }, 'problem'],
  ['a page fetched in advance, as some said it', 'GET', { ...navigation, purpose: 'prefetch' }, 'problem'],
  ['a page fetched in advance by an old browser', 'GET', { ...html, purpose: 'prefetch' }, 'problem'],
  ['a page fetched in advance by another one', 'GET', { ...html, 'x-moz': 'prefetch' }, 'problem'],
  ['a preflight', 'OPTIONS', { ...fetched, origin: 'https://app.example', 'access-control-request-method': 'PUT' }, 'problem'],
  ['a program', 'GET', {}, 'problem'],
  ['a program that takes anything', 'GET', { accept: '*/*' }, 'problem'],
  ['a program that posts', 'POST', { accept: '*/*', 'content-type': 'application/json' }, 'problem'],
  ['an unknown method', 'PROPFIND', { depth: '1' }, 'problem'],
  ['a program with a token', 'GET', { authorization: 'Bearer abc', accept: 'application/json' }, 'problem'],
];

describe('without a session', { timeout: 20_000 }, () => {
  let site;

  before(async () => {
    site = await startSite();
  });
  after(() => site.stop());
  beforeEach(async () => {
    await site.arrived();
    await site.fetched();
  });

  for (const [who, method, headers, kind] of visits) {
    test(`${who}: ${kind}`, async () => {
      const answer = await site.send('/members/page?a=1&b=%2F', { method, headers, body: method === 'POST' ? 'a=b' : undefined });
      await expected[kind](answer, method);
      assert.equal(answer.header('cache-control'), 'no-store');
      assert.equal(answer.header('referrer-policy'), 'no-referrer');
      assert.equal(answer.header('x-content-type-options'), 'nosniff');
      assert.deepEqual(answer.all('set-cookie'), [], 'a login was started');
      assert.deepEqual(await site.arrived(), []);
      assert.deepEqual(await site.fetched(), []);
    });
  }

  const login = `${LOCAL}/.auth/login?return_to=%2Fmembers%2Fpage%3Fa%3D1%26b%3D%252F`;
  const expected = {
    login(answer) {
      assert.deepEqual([answer.status, answer.header('location'), answer.body], [302, login, '']);
    },
    page(answer) {
      assert.deepEqual([answer.status, answer.header('content-type')], [401, 'text/html; charset=utf-8']);
      assert.match(answer.header('www-authenticate'), /^Cookie realm="localhost"/);
      assert.equal(answer.header('location'), undefined);
      const link = /<a [^>]*href="([^"]+)"[^>]*>/.exec(answer.body);
      assert.match(link[0], /target="_top"/);
      assert.equal(new URL(link[1].replaceAll('&amp;', '&'), LOCAL).href, login);
      // In a frame of the site itself it can be seen, in another's it cannot.
      assert.match(answer.header('content-security-policy'), /frame-ancestors 'self'/);
    },
    problem(answer, method) {
      assert.deepEqual([answer.status, answer.header('location')], [401, undefined]);
      assert.equal(answer.header('content-type'), 'application/problem+json');
      assert.match(answer.header('www-authenticate'), /^Cookie realm="localhost"/);
      if (method === 'HEAD') return;
      const { request, detail, ...problem } = answer.json();
      assert.deepEqual(problem, {
        type: 'about:blank',
        title: 'Sign in first',
        status: 401,
        code: 'sign_in_required',
        login_url: login,
      });
      assert.match(request, /^[0-9a-z]{12}$/);
      assert.ok(detail.length > 0);
    },
  };

  test('a cookie that is no session counts as none', async () => {
    const { cookie } = await site.signIn({ path: '/a' });
    const session = /portcullis=([^;]+)/.exec(cookie)[1];
    const [head, claims, signature] = session.split('.');
    // The isolate has seen the real one, and takes nothing for it that only looks like it.
    assert.equal((await site.send('/a', { headers: { cookie } })).status, 200);
    const forged = [
      'x',
      '..',
      `${head}.${claims}.`,
      `${head}.${claims}`,
      `${head}.${claims}.${'A'.repeat(signature.length)}`,
      `${head}.${claims}.${signature}x`,
      `x${session}`,
      ` ${session.slice(1)}`,
      signature,
      signature.slice(-8),
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`,
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.${signature}`,
      `${head}.${Buffer.from(Buffer.from(claims, 'base64url').toString().replace('ada', 'bob')).toString('base64url')}.${signature}`,
    ];
    for (const value of forged) {
      for (const path of ['/a', '/.auth/me']) {
        const answer = await site.send(path, { headers: { cookie: `portcullis=${value}` } });
        assert.equal(answer.status, 401, value);
        assert.deepEqual(answer.all('set-cookie'), []);
      }
    }
    for (const header of [
      `portcullis=${session}; portcullis=${session}`,
      `Portcullis=${session}`,
      `__Host-portcullis=${session}`,
      `portcullis="${session}"`,
    ]) {
      assert.equal((await site.send('/a', { headers: { cookie: header } })).status, 401, header);
    }
    assert.equal((await site.send('/a', { headers: { cookie: `portcullis=${session}` } })).status, 200);
  });
});

describe('signed in and not allowed', { timeout: 20_000 }, () => {
  let site;
  let cookie;

  before(async () => {
    site = await startSite();
    ({ cookie } = await site.signIn({ user: 'bob', path: '/a' }));
    await site.arrived();
  });
  after(() => site.stop());

  test('a person reads who they are and is offered another account', async () => {
    for (const headers of [navigation, inFrame, html]) {
      const answer = await site.send('/admin/x', { headers: { cookie, ...headers } });
      assert.deepEqual(
        [answer.status, answer.header('content-type'), answer.header('location')],
        [403, 'text/html; charset=utf-8', undefined],
      );
      assert.match(answer.body, /Bob Ferreira|bob@example\.com/);
      assert.match(answer.body, /href="\/\.auth\/login\?return_to=%2Fadmin%2Fx&amp;prompt=select_account"/);
      assert.deepEqual(answer.all('set-cookie'), []);
    }
    assert.deepEqual(await site.arrived(), []);
  });

  test('a program reads a problem: who is signed in, and where another account can', async () => {
    const answer = await site.send('/admin/x', { headers: { cookie, ...fetched } });
    const { status, code, person, login_url: loginUrl } = answer.json();
    assert.deepEqual([answer.status, answer.header('content-type'), answer.header('location')], [403, 'application/problem+json', undefined]);
    assert.deepEqual([status, code, loginUrl], [403, 'not_allowed', `${LOCAL}/.auth/login?return_to=%2Fadmin%2Fx&prompt=select_account`]);
    assert.match(person, /Bob Ferreira|bob@example\.com/);
    assert.equal(answer.header('www-authenticate'), undefined);
    assert.deepEqual(await site.arrived(), []);
  });
});
