// Signing out, here and at the provider: OpenID Connect RP-Initiated Logout 1.0.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { keepAddressOutOfTheLog, nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { startSite } from './support/site.mjs';
import { parts } from './support/token.mjs';

const OWN_FORM = { form: {}, headers: { 'sec-fetch-site': 'same-origin' } };

let site;
before(async () => {
  site = await startSite({ providers: { demo: {}, plain: { at: 'demo' } }, gate: { kv: false } });
});
after(() => site.close());

const login = (id) => `/.auth/login?provider=${id}&return_to=/members/`;
const action = (page) => /<form[^>]* action="([^"]+)"/.exec(page.text)[1];

async function signedIn(id = 'demo') {
  const visitor = site.visitor();
  await visitor.signIn(login(id));
  assert.ok(visitor.session);
  return visitor;
}

test('GET asks, and ends nothing', async () => {
  const visitor = await signedIn();
  const page = await visitor.open('/.auth/logout');
  assert.equal(page.status, 200);
  assert.match(page.text, /Ada Lindqvist|ada@example\.com/);
  assert.match(page.headers['content-security-policy'], new RegExp(`form-action 'self' ${site.provider.issuer} https:(;|$)`));
  assert.equal((await visitor.open('/members/')).status, 200);
});

test('2: the provider is told who, by the ID token, and where to go back to, exactly', async () => {
  let idToken;
  hostile(site.provider, { token: ({ json }) => void (idToken = json.id_token) });
  const visitor = await signedIn();
  const out = await visitor.open(action(await visitor.open('/.auth/logout')), OWN_FORM);
  assert.equal(out.status, 303);
  const target = new URL(out.next);
  keepAddressOutOfTheLog(target);
  assert.equal(target.origin + target.pathname, `${site.provider.issuer}/session/end`);
  assert.deepEqual(Object.fromEntries(target.searchParams), {
    id_token_hint: idToken,
    client_id: site.provider.clientId,
    post_logout_redirect_uri: `${site.url}/.auth/signed-out`,
  });
  assert.equal(parts(target.searchParams.get('id_token_hint'))[1].sub, 'ada');
});

test('6: every cookie of the gate’s goes at once, before the provider has a word', async () => {
  const visitor = await signedIn();
  await visitor.authorize(login('demo'));
  assert.ok(visitor.logins.length > 0);
  await visitor.open('/.auth/logout?provider', OWN_FORM);
  assert.deepEqual([...visitor.cookies.keys()].filter((name) => name.startsWith('portcullis')), []);
  assert.equal((await visitor.open('/members/')).status, 302);
});

test('2, 3: the whole way: signed out here and there, and the way back in asks for a password', async () => {
  const visitor = await signedIn();
  const out = await visitor.open('/.auth/logout?provider', OWN_FORM);
  const question = await visitor.walk(out.next);
  assert.match(question.text, /Sign out here as well/);
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(question.text)[1];
  const confirmed = await visitor.open(/action="([^"]+)"/.exec(question.text)[1], { form: { xsrf, logout: 'yes' } });
  const end = await visitor.walk(confirmed.next);
  assert.deepEqual([end.status, new URL(end.url).pathname], [200, '/.auth/signed-out']);
  assert.match((await visitor.walk(login('demo'))).text, /name="password"/);
});

test('6: another site’s form, or no sign of a page of ours: refused before any cookie is touched', async () => {
  const visitor = await signedIn();
  const foreign = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'cross-site', origin: site.url },
    { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    {},
  ];
  for (const headers of foreign) {
    const answer = await visitor.open('/.auth/logout', { form: {}, headers });
    assert.deepEqual([answer.status, answer.code, answer.headers['set-cookie']], [403, 'logout_cross_site', undefined], JSON.stringify(headers));
  }
  assert.equal((await visitor.open('/members/')).status, 200);
});

test('6: our own form is known by Origin too', async () => {
  const visitor = await signedIn();
  assert.equal((await visitor.open('/.auth/logout', { form: {}, headers: { origin: site.url } })).status, 303);
  assert.equal(visitor.session, undefined);
});

test('2: without the ID token the client id says who we are', async () => {
  const visitor = await signedIn();
  visitor.deleteCookie('portcullis-hint');
  const { next } = await visitor.open('/.auth/logout?provider', OWN_FORM);
  assert.deepEqual([...new URL(next).searchParams.keys()], ['client_id', 'post_logout_redirect_uri']);
});

test('2.1: a provider without an end_session_endpoint: signed out here, and that is all', async () => {
  hostile(site.provider, { metadata: ({ json }) => void delete json.end_session_endpoint });
  const visitor = await signedIn('plain');
  const page = await visitor.open('/.auth/logout');
  assert.match(page.headers['content-security-policy'], /form-action 'self'(;|$)/);
  for (const path of [action(page), '/.auth/logout?provider']) {
    const { status, next } = await visitor.open(path, OWN_FORM);
    assert.deepEqual([status, next], [303, `${site.url}/.auth/signed-out`]);
  }
  hostile(site.provider);
});

test('2: no parameter of ours leads anywhere else', async () => {
  const visitor = await signedIn();
  for (const query of ['post_logout_redirect_uri=https://evil.example', 'return_to=https://evil.example', 'provider=https://evil.example']) {
    const { next } = await visitor.open(`/.auth/logout?${query}`, OWN_FORM);
    assert.equal(next, `${site.url}/.auth/signed-out`, query);
  }
});

test('signing out when nobody is signed in is no error', async () => {
  const visitor = site.visitor();
  assert.equal((await visitor.open('/.auth/logout')).status, 200);
  const { status, next } = await visitor.open('/.auth/logout', OWN_FORM);
  assert.deepEqual([status, next], [303, `${site.url}/.auth/signed-out`]);
  const page = await visitor.open(next);
  assert.deepEqual([page.status, page.headers['cache-control']], [200, 'no-store']);
  assert.match(page.text, /href="\/\.auth\/login\?return_to=%2F"/);
});

nothingConfidentialIsLogged();
