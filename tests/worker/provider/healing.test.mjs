// A login heals itself, explains itself, and never goes round in circles.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';

const PAGE = '/members/?chapter=2&verse=a%20b';
const HOUR = 3600;

let site;
let known;
before(async () => {
  site = await startSite();
  known = site.visitor();
  await known.signIn(PAGE);
});
after(() => site.close());

const callbacks = (walk) => walk.filter((step) => step.includes('/.auth/callback?')).length;

test('the same callback again – the back button, a reload: on to the page, no token call, the same session', async () => {
  const wire = hostile(site.provider);
  const visitor = known.withoutSite();
  const callback = await visitor.authorize(PAGE);
  assertSignedIn(visitor, await visitor.open(callback), PAGE);
  const { session } = visitor;
  for (let time = 0; time < 3; time += 1) {
    const again = await visitor.open(callback);
    assert.deepEqual([again.status, again.next], [303, `${site.url}${PAGE}`]);
    assert.equal(again.headers['set-cookie'], undefined);
  }
  assert.equal(visitor.session, session);
  assert.equal(wire.to('token').length, 1);
});

test('the login page again, signed in: a login like any other, that ends at the page', async () => {
  const visitor = known.copy();
  assertSignedIn(visitor, await visitor.open(await visitor.authorize(`/.auth/login?return_to=${encodeURIComponent(PAGE)}`)), PAGE);
});

test('the pending login is gone: one silent restart, and the page that was wanted', async () => {
  const visitor = known.withoutSite();
  const callback = await visitor.authorize(PAGE);
  const [name] = visitor.logins;
  visitor.deleteCookie(name);
  const wire = hostile(site.provider);
  const { url, walk, status } = await visitor.walk(callback);
  assert.deepEqual([url, status], [`${site.url}${PAGE}`, 200], walk.join('\n'));
  assert.equal(callbacks(walk), 2);
  assert.equal(wire.to('token').length, 1, 'the first code was left alone');
  assert.ok(await site.logs.until(({ record }) => record?.code === 'restarted'));
});

test('gone once more: no third attempt, and no call', async () => {
  const visitor = known.withoutSite();
  let callback = await visitor.authorize(PAGE);
  visitor.deleteCookie(visitor.logins[0]);
  callback = await visitor.authorize(callback);
  visitor.deleteCookie(visitor.logins[0]);
  const wire = hostile(site.provider);
  const answer = await visitor.open(callback);
  await assertRefused(site, visitor, answer, { status: 400, code: 'login_not_kept' });
  assert.match(answer.text, /cookies/);
  assert.match(answer.text, /href="\/\.auth\/login\?return_to=%2Fmembers%2F%3Fchapter%3D2%26verse%3Da%2520b"/);
  assert.deepEqual(wire.calls, []);
});

test('gone twice in a browser that does keep cookies: a page with a way on that does not blame the browser', async () => {
  const visitor = known.withoutSite();
  await visitor.authorize('/members/api');
  const [kept] = visitor.logins;
  const lose = () => visitor.logins.filter((name) => name !== kept).forEach((name) => visitor.deleteCookie(name));
  const callback = await visitor.authorize(PAGE);
  lose();
  const again = await visitor.authorize(callback);
  lose();
  await assertRefused(site, visitor, await visitor.open(again), { status: 400, code: 'response_malformed' });
});

test('a restart asks for what the person asked for', async () => {
  const visitor = site.visitor();
  const callback = await visitor.authorize('/.auth/login?return_to=/members/&prompt=login');
  visitor.deleteCookie(visitor.logins[0]);
  const { next } = await visitor.open(callback);
  assert.equal(new URL(next).searchParams.get('prompt'), 'login');
});

test('a browser that keeps no cookie of the site: two attempts, then the page that says so', async () => {
  const visitor = known.withoutSite();
  visitor.refuseCookies();
  const answer = await visitor.walk(PAGE);
  await assertRefused(site, visitor, answer, { status: 400, code: 'login_not_kept' });
  assert.equal(callbacks(answer.walk), 2, answer.walk.join('\n'));
});

test('a browser that keeps every cookie but the session: one attempt, then the page that says so, then a way on', async () => {
  const visitor = known.withoutSite();
  visitor.refuseCookies((name) => name === 'portcullis');
  const answer = await visitor.walk(PAGE);
  await assertRefused(site, visitor, answer, { status: 400, code: 'session_not_kept' });
  assert.equal(callbacks(answer.walk), 1, answer.walk.join('\n'));
  visitor.refuseCookies(() => false);
  const wayOn = /class="button" href="([^"]+)"/.exec(answer.text)[1].replaceAll('&amp;', '&');
  const { url, status } = await visitor.walk(wayOn);
  assert.deepEqual([url, status], [`${site.url}${PAGE}`, 200]);
});

test('two tabs at once: both end where they wanted, in either order', async () => {
  for (const order of [[0, 1], [1, 0]]) {
    const visitor = known.withoutSite();
    const pages = ['/members/setting-up', '/members/api'];
    const tabs = [];
    for (const page of pages) tabs.push(await visitor.authorize(page));
    assert.equal(visitor.logins.length, 2);
    for (const tab of order) assertSignedIn(visitor, await visitor.open(tabs[tab]), pages[tab]);
  }
});

test('two tabs, and the second opens its page when the first is done: a session is enough', async () => {
  const visitor = known.withoutSite();
  const callback = await visitor.authorize('/members/api');
  await visitor.signIn('/members/setting-up');
  visitor.logins.forEach((name) => visitor.deleteCookie(name));
  const { next, status } = await visitor.open(callback);
  assert.deepEqual([status, next], [303, `${site.url}/members/api`]);
});

test('seven tabs: five logins are kept, the oldest go, and all seven end at a page', async () => {
  const visitor = known.withoutSite();
  const tabs = [];
  for (let tab = 0; tab < 7; tab += 1) tabs.push(await visitor.authorize(`/members/?tab=${tab}`));
  assert.equal(visitor.logins.length, 5);
  for (const [tab, callback] of tabs.entries()) {
    const { url, status } = await visitor.walk(callback);
    assert.deepEqual([url, status], [`${site.url}/members/?tab=${tab}`, 200]);
  }
});

test('login cookies that nobody made are cleared away and do no harm', async () => {
  const visitor = known.withoutSite();
  for (let made = 0; made < 12; made += 1) visitor.setCookie(`portcullis-login-made${made}up`, 'x'.repeat(200));
  const { url } = await visitor.walk(PAGE);
  assert.equal(url, `${site.url}${PAGE}`);
  assert.ok(visitor.logins.length <= 5, visitor.logins.join(' '));
});

test('RFC 9700 4.7: a pending login under another login’s name is none', async () => {
  const visitor = known.withoutSite();
  const first = await visitor.authorize('/members/api');
  const [one] = visitor.logins;
  await visitor.authorize('/members/setting-up');
  const other = visitor.logins.find((name) => name !== one);
  visitor.setCookie(one, visitor.cookies.get(other));
  const wire = hostile(site.provider);
  const answer = await visitor.open(first);
  assert.equal(visitor.session, undefined);
  assert.equal(answer.status, 302, 'a restart');
  assert.deepEqual(wire.to('token'), []);
});

test('RFC 6265bis 8.6: a login makes a new session, whatever was there before', async () => {
  const visitor = known.copy();
  const before = visitor.session;
  const identity = (session) => JSON.parse(Buffer.from(session.split('.')[1], 'base64url')).sid;
  await visitor.signIn('/.auth/login?return_to=/members/');
  assert.notEqual(identity(visitor.session), identity(before));
  const planted = known.withoutSite();
  planted.setCookie('portcullis', `${before.slice(0, -4)}AAAA`);
  assertSignedIn(planted, await planted.open(await planted.authorize()));
});

test('a login page left open for eleven minutes: one silent restart', async () => {
  const visitor = known.withoutSite();
  const callback = await visitor.authorize(PAGE);
  await site.restart({ later: 11 * 60 });
  const wire = hostile(site.provider);
  const { url, walk, status } = await visitor.walk(callback);
  assert.deepEqual([url, status], [`${site.url}${PAGE}`, 200], walk.join('\n'));
  assert.equal(wire.to('token').length, 1);
});

test('for a day and a half: a page, with a way to start again', async () => {
  const visitor = known.withoutSite();
  await site.restart();
  const callback = await visitor.authorize(PAGE);
  await site.restart({ later: 36 * HOUR });
  const answer = await visitor.open(callback);
  await assertRefused(site, visitor, answer, { status: 400, code: 'response_malformed' });
});

test('a session ends with its lifetime, for a page and for a script', async () => {
  await site.restart();
  const visitor = known.copy();
  assert.equal((await visitor.open('/members/')).status, 200);
  await site.restart({ later: 8 * HOUR + 60 });
  assert.equal((await visitor.open('/members/')).status, 302);
  assert.equal((await visitor.open('/.auth/me')).status, 401);
});

nothingConfidentialIsLogged();
