// The provider's metadata: OpenID Connect Discovery 1.0, 3, 4.1 to 4.3. Each row has a registration of
// its own, so that it finds the document on the wire for itself.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';
import { reissue } from './support/token.mjs';

const issuer = (change) => ({ json }) => void (json.issuer = change(json.issuer));
const member = (name, value) => ({ json }) => void (json[name] = value);
const text = (change) => (answer) => void (answer.body = change(JSON.stringify(answer.json)));
const with302 = (status) => (answer) => Object.assign(answer, { status, headers: { location: answer.json.jwks_uri } });

const OTHER = /another issuer/;
const MALFORMED = /not a metadata document/;
const refused = {
  '4.3: issuer with something more': [issuer((value) => `${value}INVALID`), OTHER],
  '4.3: issuer with a slash more': [issuer((value) => `${value}/`), /another issuer than the settings name: "http:\/\/localhost:\d+\/"$/],
  '4.3: issuer over https': [issuer((value) => value.replace('http', 'https')), OTHER],
  '4.3: issuer of another port': [issuer((value) => value.replace(/\d+$/, '1')), OTHER],
  '4.3: issuer by its address': [issuer((value) => value.replace('localhost', '127.0.0.1')), OTHER],
  '4.3: issuer in capitals': [issuer((value) => value.toUpperCase()), OTHER],
  '4.3: issuer empty': [issuer(() => ''), OTHER],
  '4.3: no issuer': [issuer(() => undefined), MALFORMED],
  '4.3: issuer a list': [issuer((value) => [value]), MALFORMED],
  '4.3: issuer twice, the right one last': [text((json) => json.replace('{', '{"issuer":"https://evil.example",')), MALFORMED],
  '4.2: status 500': [(answer) => void (answer.status = 500), /status 500/],
  '4.2: status 404': [(answer) => void (answer.status = 404), /status 404/],
  '4.2: the document with status 201': [(answer) => void (answer.status = 201), /status 201/],
  '4.2: a redirect with 301': [with302(301), /status 301/],
  '4.2: a redirect with 302': [with302(302), /status 302/],
  '4.2: a redirect with 307': [with302(307), /status 307/],
  '4.2: an HTML page': [text(() => '<!doctype html><title>Sign in</title>'), MALFORMED],
  '4.2: half of it': [text((json) => json.slice(0, json.length / 2)), MALFORMED],
  '4.2: something behind it': [text((json) => `${json}{}`), MALFORMED],
  '4.2: an empty body': [text(() => ''), MALFORMED],
  '4.2: 300 KB': [member('more', 'x'.repeat(300_000)), /too_long/],
  '4.2: a gzip bomb': [(answer) => Object.assign(answer, { headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(50_000_000, 0x20), { level: 1 }) }), /too_long/],
  '4.2: bytes that are no UTF-8': [(answer) => void (answer.body = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), /not_text/],
  ...Object.fromEntries(['authorization_endpoint', 'token_endpoint', 'jwks_uri'].flatMap((name) => [
    [`3: no ${name}`, [member(name, undefined), MALFORMED]],
    [`3: ${name} over plain http`, [member(name, 'http://evil.example/x'), new RegExp(name)]],
    [`3: ${name} a script`, [member(name, 'javascript:alert(1)'), new RegExp(name)]],
    [`3: ${name} a file`, [member(name, 'file:///etc/passwd'), new RegExp(name)]],
    [`3: ${name} with a user`, [member(name, 'https://user@evil.example/x'), new RegExp(name)]],
    [`3: ${name} without a host`, [member(name, '/x'), new RegExp(name)]],
  ])),
};
const ids = Object.fromEntries([...Object.keys(refused), 'cool', 'crowd', 'extras', 'lazy'].map((name, rank) => [name, `r${rank}`]));

let site;
before(async () => {
  const again = Object.values(ids).map((id) => [id, { at: 'demo' }]);
  const slashed = { slashed: { at: 'demo', register: (issuer) => ({ issuer: `${issuer}/` }) } };
  site = await startSite({ providers: { demo: {}, ...slashed, ...Object.fromEntries(again) }, gate: { kv: false } });
});
after(() => site.close());

const login = (id) => `/.auth/login?provider=${id}&return_to=/members/`;

for (const [what, [metadata, detail]] of Object.entries(refused)) {
  test(`Discovery ${what}: no login starts`, async () => {
    const wire = hostile(site.provider, { metadata });
    const visitor = site.visitor();
    const answer = await visitor.open(login(ids[what]));
    await assertRefused(site, visitor, answer, { status: 503, code: 'metadata_unavailable', detail });
    assert.equal(answer.headers['retry-after'], '30');
    assert.deepEqual(visitor.logins, []);
    assert.deepEqual(wire.calls.map(({ document }) => document), ['metadata'], 'asked once, and nothing else');
  });
}

test('promise 4: after a failure the provider is left alone for a while, whoever asks', async () => {
  const wire = hostile(site.provider, { metadata: (answer) => void (answer.status = 500) });
  for (let login = 0; login < 10; login += 1) await site.visitor().open(`/.auth/login?provider=${ids.cool}`);
  assert.equal(wire.calls.length, 1);
});

test('promise 4: ten people at once, and nothing known yet: one call, and all of them are sent on', async () => {
  const wire = hostile(site.provider, { metadata: () => new Promise((go) => setTimeout(go, 300)) });
  const answers = await Promise.all(Array.from({ length: 10 }, () => site.visitor().open(login(ids.crowd))));
  for (const { status, next } of answers) assert.ok(status === 200 && next?.startsWith(site.provider.issuer), `${status}`);
  assert.equal(wire.to('metadata').length, 1);
});

test('Discovery 4.2: metadata are asked for when they are needed, and not before', async () => {
  const wire = hostile(site.provider);
  const visitor = site.visitor();
  for (const path of ['/', '/.auth/health', '/.auth/me', '/.auth/signed-out', '/members/']) await visitor.open(path);
  assert.deepEqual(wire.calls, []);
  await visitor.open(login(ids.lazy));
  assert.equal(wire.calls.length, 1);
  const [{ method, headers }] = wire.calls;
  assert.deepEqual([method, headers.accept, headers.cookie, headers.authorization], ['GET', 'application/json, application/jwk-set+json', undefined, undefined]);
});

test('Discovery 3: a broken extra endpoint is as good as none, and keeps nobody out', async () => {
  hostile(site.provider, { metadata: ({ json }) => Object.assign(json, { end_session_endpoint: 'http://evil.example/out', userinfo_endpoint: 'nonsense' }) });
  const visitor = site.visitor();
  await visitor.signIn(login(ids.extras));
  assert.ok(visitor.session);
  const page = await visitor.open('/.auth/logout');
  assert.ok(!page.headers['content-security-policy'].includes('evil.example'));
});

test('Discovery 4.1: an issuer with a slash at its end: the slash goes from the address, and stays in every comparison', async () => {
  const slashed = `${site.provider.issuer}/`;
  const wire = hostile(site.provider, {
    metadata: issuer(() => slashed),
    response: (parameters) => parameters.set('iss', slashed),
    token: ({ json }) => void (json.id_token = reissue(json.id_token, { key: site.provider.key, claims: { iss: slashed } })),
  });
  const visitor = site.visitor();
  assertSignedIn(visitor, await visitor.open(await visitor.authorize(login('slashed'))));
  assert.equal(wire.to('metadata')[0].url, '/.well-known/openid-configuration');
  for (const [what, trick] of [['ID token', { response: (parameters) => parameters.set('iss', slashed) }], ['response', {}]]) {
    hostile(site.provider, trick);
    const other = site.visitor();
    const answer = await other.open(await other.authorize(login('slashed')));
    assert.equal(other.session, undefined, `the ${what} names the issuer without its slash`);
    assert.equal(answer.code, what === 'response' ? 'response_issuer' : 'id_token_invalid');
  }
});

nothingConfidentialIsLogged();
