// What the gate asks of the provider: OpenID Connect Core 3.1.2.1, RFC 7636, RFC 9700.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';

let site;
before(async () => {
  // Registered three times, so that each finds the metadata on the wire for itself.
  const again = { at: 'demo' };
  site = await startSite({ providers: { demo: {}, silent: again, plain: again }, gate: { kv: false } });
});
after(() => site.close());

/** The authorization request that opening `path` ends in. */
async function request(visitor, path = '/.auth/login?provider=demo&return_to=/members/') {
  const { stoppedAt } = await visitor.walk(path, { until: (url) => url.startsWith(site.provider.issuer) });
  return new URL(stoppedAt);
}

test('Core 3.1.2.1: scope openid, code, the client, the exact callback, and nothing that was not meant', async () => {
  const { searchParams } = await request(site.visitor());
  const { state, nonce, code_challenge: challenge, ...rest } = Object.fromEntries(searchParams);
  assert.deepEqual(rest, {
    response_type: 'code',
    client_id: site.provider.clientId,
    redirect_uri: `${site.url}/.auth/callback`,
    scope: 'openid email profile',
    code_challenge_method: 'S256',
  });
  assert.equal([...searchParams].length, Object.keys(rest).length + 3, 'no parameter twice');
  for (const value of [state, nonce, challenge]) assert.match(value, /^[\w-]{43,}$/);
});

test('Core 3.1.2.1: a prompt is sent when one was asked for, and only one that may be', async () => {
  const prompt = async (query) => (await request(site.visitor(), `/.auth/login?provider=demo&${query}`)).searchParams.get('prompt');
  assert.equal(await prompt('prompt=login'), 'login');
  assert.equal(await prompt('prompt=select_account'), 'select_account');
  for (const other of ['prompt=none', 'prompt=consent', 'prompt=', 'prompt=login%20none']) assert.equal(await prompt(other), null, other);
});

test('Core 15.5.2, RFC 7636 4.1, 7.1: state, nonce and challenge are new for each login, in one browser and in two', async () => {
  const visitor = site.visitor();
  const requests = [];
  for (let login = 0; login < 20; login += 1) requests.push(await request(login % 2 ? visitor : site.visitor()));
  for (const name of ['state', 'nonce', 'code_challenge']) {
    const values = requests.map(({ searchParams }) => searchParams.get(name));
    assert.equal(new Set(values).size, values.length, `${name} is never the same`);
    for (const value of values) assert.ok(Buffer.from(value, 'base64url').length >= 32, `${name} has 256 bits`);
  }
});

test('Core 15.5.2, RFC 7636 7.1: what is fresh is drawn from the platform, and differs between two isolates', async () => {
  const names = ['state', 'nonce', 'code_challenge'];
  const one = async () => Object.fromEntries((await request(site.visitor())).searchParams);
  const before = await one();
  await site.restart({ random: 7 });
  const known = await one();
  const number = Buffer.alloc(32, 7).toString('base64url');
  assert.equal(known.nonce, number);
  assert.equal(known.code_challenge, createHash('sha256').update(number).digest('base64url'));
  assert.ok(Buffer.from(known.state, 'base64url').includes(Buffer.alloc(24, 7)), 'the nonce of the seal');
  await site.restart();
  const after = await one();
  for (const name of names) assert.equal(new Set([before, known, after].map((asked) => asked[name])).size, 3, name);
});

test('Core 3.1.2.1: state says nothing to whom it passes', async () => {
  const visitor = site.visitor();
  const { searchParams } = await request(visitor, '/.auth/login?provider=demo&return_to=%2Fmembers%2F%3Fswarm%3D17');
  const state = Buffer.from(searchParams.get('state'), 'base64url').toString('latin1');
  for (const known of ['members', 'swarm', 'demo', searchParams.get('nonce')]) assert.ok(!state.includes(known), known);
  const [cookie] = visitor.logins.map((name) => visitor.cookies.get(name));
  const sealed = Buffer.from(cookie, 'base64url').toString('latin1');
  for (const known of [searchParams.get('nonce'), 'nonce', 'verifier']) assert.ok(!sealed.includes(known), known);
});

test('RFC 7636 4.2, 4.3, 4.5: the verifier goes to the token endpoint alone, and answers the challenge', async () => {
  const wire = hostile(site.provider);
  const visitor = site.visitor();
  const asked = await request(visitor);
  const callback = await visitor.authorize(asked);
  const answer = await visitor.open(callback);
  assertSignedIn(visitor, answer);
  const [exchange, ...more] = wire.to('token');
  assert.equal(more.length, 0, 'the code is exchanged once');
  const { code_verifier: verifier, ...rest } = Object.fromEntries(new URLSearchParams(exchange.body));
  assert.match(verifier, /^[A-Za-z0-9._~-]{43,128}$/);
  assert.equal(createHash('sha256').update(verifier).digest('base64url'), asked.searchParams.get('code_challenge'));
  assert.deepEqual(rest, { grant_type: 'authorization_code', code: callback.searchParams.get('code'), redirect_uri: `${site.url}/.auth/callback` });
  for (const seen of [asked.href, callback.href, answer.text, JSON.stringify(answer.headers)]) assert.ok(!seen.includes(verifier));
});

test('RFC 7636 7.2: an error does not make the gate try without PKCE', async () => {
  hostile(site.provider, { response: (parameters) => void (parameters.delete('code'), parameters.set('error', 'invalid_request')) });
  const visitor = site.visitor();
  const answer = await visitor.open(await visitor.authorize('/.auth/login?provider=demo'));
  await assertRefused(site, visitor, answer, { status: 502, code: 'request_refused', detail: /^invalid_request$/ });
  hostile(site.provider);
  assert.equal((await request(visitor)).searchParams.get('code_challenge_method'), 'S256');
});

test('RFC 9700 2.1.1: S256 also where the metadata says nothing of PKCE, or only "plain"', async () => {
  for (const [id, methods] of [['silent', undefined], ['plain', ['plain']]]) {
    const wire = hostile(site.provider, { metadata: ({ json }) => void (json.code_challenge_methods_supported = methods) });
    const asked = await request(site.visitor(), `/.auth/login?provider=${id}`);
    assert.equal(asked.searchParams.get('code_challenge_method'), 'S256', id);
    assert.equal(wire.to('metadata').length, 1, 'the gate has read the changed metadata');
  }
  hostile(site.provider);
});

test('every address of the provider ends in an empty fragment, so that the page’s own stays at home', async () => {
  const page = await site.visitor().open('/.auth/login?provider=demo');
  const addresses = [...page.text.matchAll(/(?:href|data-with-fragment)="(http[^"]+)"|;url=(http[^"]+)"/g)].map(([, one, other]) => one ?? other);
  assert.equal(addresses.length, 3, 'for a script with a fragment, for one without, and for no script');
  for (const address of addresses) assert.match(address, /^http:\/\/localhost:\d+\/auth\?.*#$/);
  const lost = site.visitor();
  const callback = await lost.authorize('/.auth/login?provider=demo');
  lost.deleteCookie(lost.logins[0]);
  assert.match((await lost.open(callback)).headers.location, /#$/);
});

test('where the settings want no such page, a login is a plain redirect', async () => {
  await site.restart({ settings: { fragment: false } });
  const answer = await site.visitor().open('/.auth/login?provider=demo');
  assert.deepEqual([answer.status, answer.text, answer.headers['cache-control']], [302, '', 'no-store']);
  assert.match(answer.headers.location, /^http:\/\/localhost:\d+\/auth\?.*#$/);
});

nothingConfidentialIsLogged();
