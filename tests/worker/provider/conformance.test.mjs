// The relying party's side of certification: the modules of the OpenID Foundation's conformance suite that a client of
// the code flow takes – its Basic, Config and RP-Initiated Logout plans, what else is not bound to another flow, and
// those of FAPI 2.0 that ask for no more than this. A module's name is the suite's, and the provider says what the
// suite's does: an issuer with a slash at its end, keys of every kind, ID tokens with no claim but the protocol's,
// everything about the person at userinfo. A module is passed as it is there: by a userinfo request, or by none.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertCallbackRefused, assertRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';
import { accessTokenHash, encode, keyFor, parts, published, reissue } from './support/token.mjs';

const PERSON = {
  sub: 'user-subject-1234531', name: 'Demo T. User', given_name: 'Demo', family_name: 'User', middle_name: 'Theresa', nickname: 'Dee',
  preferred_username: 'd.tu', gender: 'female', birthdate: '2000-02-03', zoneinfo: 'America/Los_Angeles', locale: 'en-US',
  address: { street_address: '100 Universal City Plaza', locality: 'Hollywood', region: 'CA', postal_code: '91608', country: 'USA' },
  phone_number: '+1 555 5550000', phone_number_verified: false, email: 'user@example.com', email_verified: false,
  website: 'https://openid.net/', profile: 'https://example.com/user', updated_at: 1580000000,
};
const signer = keyFor('RS256');
const ec = keyFor('ES256');
const point = encode(Buffer.alloc(32, 9));
/** The keys that the suite publishes beside the one that signs: with an algorithm and without, and some that nobody uses here. */
const others = [
  ...[keyFor('RS256'), keyFor('RS256', { alg: undefined }), ec, keyFor('ES256', { alg: undefined }), keyFor('EdDSA', { alg: undefined })].map(published),
  { kty: 'EC', crv: 'secp256k1', use: 'sig', kid: 'k1', x: point, y: point },
  { ...published(keyFor('RS256')), use: 'enc', alg: 'RSA-OAEP-256' },
  { kty: 'EC', crv: 'P-256', use: 'enc', alg: 'ECDH-ES', kid: 'enc', x: point, y: point },
];
const withoutId = (key) => ({ ...key, kid: undefined });
const now = () => Math.floor(Date.now() / 1000);

const set = (claims) => ({ token: () => ({ claims }) });
const signed = (change) => ({ token: () => change });
const unsigned = (token) => token.replace(/^[^.]+/, encode(JSON.stringify({ alg: 'none' }))).replace(/[^.]+$/, '');

/** The client goes on to userinfo, and the person is signed in. */
const passed = {
  'oidcc-client-test': {},
  'oidcc-client-test-idtoken-sig-rs256': { keys: [published(signer)] },
  'oidcc-client-test-kid-absent-single-jwks': { keys: [withoutId(published(signer)), ...others.slice(2)], ...signed({ header: { kid: undefined } }) },
  'oidcc-client-test-kid-absent-multiple-jwks': { keys: [...others.map(withoutId), withoutId(published(signer))], ...signed({ header: { kid: undefined } }) },
  'oidcc-client-test-ignores-unparseable-key-in-jwks': {
    keys: [{ kty: 'AKP', alg: 'ML-DSA-9999', kid: 'unusable', use: 'sig', pub: 'cGxhY2Vob2xkZXI' }, { kty: 'MADE-UP', alg: 'MADE-UP', kid: 'made-up', use: 'sig' }, published(signer)],
  },
  'oidcc-client-test-aggregated-claims': {
    userinfo: { ...PERSON, _claim_names: { address: 'src1', phone_number: 'src1' }, _claim_sources: { src1: { JWT: 'eyJhbGciOiJub25lIn0.eyJhZGRyZXNzIjoiIn0.' } } },
  },
  'oidcc-client-test-distributed-claims, whose claim nobody asked for': {
    userinfo: { ...PERSON, _claim_names: { credit_score: 'src1' }, _claim_sources: { src1: { endpoint: 'https://evil.example/claims', access_token: 'ksj3n283dke' } } },
  },
  'oidcc-client-test-mtls-endpoint-aliases, for a client that has no certificate': {
    metadata: { mtls_endpoint_aliases: { token_endpoint: 'https://evil.example/token', userinfo_endpoint: 'https://evil.example/me' } },
  },
  'fapi2-security-profile-final-client-test-valid-aud-as-array': { token: ({ aud }) => ({ claims: { aud: [aud] } }) },
  'fapi2-security-profile-final-client-test-token-type-case-insensitivity': { answer: (json) => void (json.token_type = 'bEaReR') },
  'fapi2-security-profile-final-client-test-token-endpoint-response-without-expires_in': { answer: (json) => void delete json.expires_in },
};

const INVALID = { status: 502, code: 'id_token_invalid' };
const UNPROVEN = { status: 502, code: 'key_unknown' };
/** The client asks for the tokens and goes no further: no userinfo request, no session. */
const stopped = {
  'oidcc-client-test-nonce-invalid': [{ token: ({ nonce }) => ({ claims: { nonce: `${nonce}1` } }) }, INVALID],
  'oidcc-client-test-invalid-iss': [{ token: ({ iss }) => ({ claims: { iss: `${iss}1` } }) }, INVALID],
  'oidcc-client-test-missing-sub': [set({ sub: undefined }), INVALID],
  'oidcc-client-test-invalid-aud': [{ token: ({ aud }) => ({ claims: { aud: `${aud}1` } }) }, INVALID],
  'oidcc-client-test-missing-aud': [set({ aud: undefined }), INVALID],
  'oidcc-client-test-missing-iat': [set({ iat: undefined }), INVALID],
  'oidcc-client-test-invalid-sig-rs256': [signed({ signature: (bytes) => bytes.map((byte) => byte ^ 0x5a) }), UNPROVEN],
  'oidcc-client-test-invalid-sig-es256': [signed({ key: ec, signature: (bytes) => bytes.map((byte) => byte ^ 0x5a) }), UNPROVEN, { algorithms: ['ES256'] }],
  'oidcc-client-test-invalid-sig-hs256': [signed({ key: { kty: 'oct', bytes: 'no secret' }, alg: 'HS256' }), INVALID],
  'oidcc-client-test-idtoken-sig-none': [{ rewrite: unsigned }, INVALID],
  'oidcc-client-test-invalid-athash, which the suite leaves to the hybrid flow': [set({ at_hash: accessTokenHash('another') }), INVALID],
  'fapi2-security-profile-final-client-test-invalid-secondary-aud': [{ token: ({ aud }) => ({ claims: { aud: [aud, 'other'] } }) }, INVALID],
  'fapi2-security-profile-final-client-test-invalid-null-alg': [{ rewrite: unsigned }, INVALID],
  'fapi2-security-profile-final-client-test-invalid-alternate-alg': [signed({ alg: 'PS256' }), INVALID],
  'fapi2-security-profile-final-client-test-invalid-expired-exp': [{ token: () => ({ claims: { exp: now() - 300 } }) }, INVALID],
  'fapi2-security-profile-final-client-test-invalid-missing-exp': [set({ exp: undefined }), INVALID],
  'fapi2-security-profile-final-client-test-invalid-missing-iss': [set({ iss: undefined }), INVALID],
  'fapi2-security-profile-final-client-test-invalid-missing-nonce': [set({ nonce: undefined }), INVALID],
  'fapi1-advanced-final-client-test-iat-is-week-in-past': [{ token: () => ({ claims: { iat: now() - 604_800 } }) }, INVALID],
};

/** The client does not even ask for the tokens. */
const PROMISE = { authorization_response_iss_parameter_supported: true };
const untouched = {
  'fapi2-security-profile-final-client-test-invalid-authorization-response-iss': [{ metadata: PROMISE, response: (parameters) => parameters.set('iss', 'https://evil.example/') }, 'response_issuer'],
  'fapi2-security-profile-final-client-test-remove-authorization-response-iss': [{ metadata: PROMISE }, 'response_issuer'],
  'fapi2-security-profile-final-client-test-ensure-authorization-response-with-invalid-state-fails': [{ response: (parameters) => parameters.set('state', 'x'.repeat(43)) }, 'response_malformed'],
  'fapi2-security-profile-final-client-test-ensure-authorization-response-with-invalid-missing-state-fails': [{ response: (parameters) => parameters.delete('state') }, 'response_malformed'],
};
const single = ['issuer-mismatch', 'jwks-uri-keys', 'rotation', 'just-before-signing', 'invalid-sub', 'client-secret-basic', 'logout'];

/** A registration for each, so that each reads metadata and keys for itself. */
const modules = [...Object.keys(passed), ...Object.keys(stopped), ...Object.keys(untouched), ...single];
const ids = Object.fromEntries(modules.map((name, rank) => [name, `m${rank}`]));

let site;
let issuer;
const asked = [];
before(async () => {
  const register = (name) => (address) => ({ issuer: `${address}/`, userinfo: true, ...stopped[name]?.[2] });
  const again = modules.map((name) => [ids[name], { at: 'demo', register: register(name) }]);
  site = await startSite({ providers: { demo: { start: { keys: [signer] } }, ...Object.fromEntries(again) }, gate: { kv: false } });
  issuer = `${site.provider.issuer}/`;
});
after(() => site.close());

/** The suite's provider, with what a module changes. */
function play({ metadata, keys, token = () => ({}), rewrite = (text) => text, answer = () => {}, userinfo = PERSON, response = () => {} } = {}) {
  return hostile(site.provider, {
    metadata: ({ json }) => {
      const { authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint, end_session_endpoint } = json;
      for (const name of Object.keys(json)) delete json[name];
      Object.assign(json, {
        issuer, authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint, end_session_endpoint,
        registration_endpoint: `${issuer}register`,
        scopes_supported: ['openid', 'phone', 'profile', 'email', 'address', 'offline_access'],
        response_types_supported: ['code', 'id_token code', 'token code id_token', 'id_token', 'token id_token', 'token code', 'token'],
        response_modes_supported: ['query', 'fragment', 'form_post'],
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt'],
        subject_types_supported: ['public', 'pairwise'], claim_types_supported: ['normal', 'aggregated', 'distributed'],
        id_token_signing_alg_values_supported: ['none', 'HS256', 'RS256', 'ES256', 'PS256', 'EdDSA'], claims_parameter_supported: true,
        ...metadata,
      });
    },
    keys: ({ json }) => void (json.keys = typeof keys === 'function' ? keys() : (keys ?? [...others, published(signer)])),
    token: ({ json }) => {
      const [, { aud, nonce }] = parts(json.id_token);
      const claims = { iss: issuer, sub: PERSON.sub, aud, nonce, iat: now(), exp: now() + 300, at_hash: accessTokenHash(json.access_token) };
      const { claims: changed, ...change } = token(claims);
      const bare = `${encode('{}')}.${encode(JSON.stringify(claims))}.`;
      json.id_token = rewrite(reissue(bare, { key: signer, ...change, claims: changed }));
      answer(json);
    },
    userinfo: (answer) => void (answer.body = JSON.stringify(userinfo)),
    response: (parameters) => (parameters.delete('iss'), response(parameters)),
  });
}

const login = (name) => `/.auth/login?provider=${ids[name]}&return_to=/members/`;

/** A login as far as the callback; its authorization request is noted for the checks that the suite makes of each. */
async function answered(name, change) {
  const wire = play(change);
  const visitor = site.visitor();
  const { stoppedAt } = await visitor.walk(login(name), { until: (url) => url.startsWith(`${issuer}auth?`) });
  const { searchParams } = new URL(stoppedAt);
  asked.push(Object.fromEntries(searchParams));
  assert.equal([...searchParams].length, Object.keys(asked.at(-1)).length, 'no parameter twice');
  return { wire, visitor, callback: await visitor.authorize(stoppedAt) };
}

/** What the suite checks of each token request and each userinfo request (oidcc-client-test-userinfo-bearer-header). */
function assertRequests(wire, { userinfo }) {
  const { client_id: clientId, code_challenge: challenge, redirect_uri: redirectUri } = asked.at(-1);
  const [{ method, url, headers, body }, ...more] = wire.to('token');
  assert.deepEqual([method, url, headers['content-type'], more.length], ['POST', '/token', 'application/x-www-form-urlencoded', 0]);
  const form = new URLSearchParams(body);
  assert.deepEqual([...form.keys()].sort(), ['code', 'code_verifier', 'grant_type', 'redirect_uri']);
  assert.deepEqual([form.get('grant_type'), form.get('redirect_uri')], ['authorization_code', redirectUri]);
  assert.equal(createHash('sha256').update(form.get('code_verifier')).digest('base64url'), challenge);
  assert.equal(headers.authorization, `Basic ${Buffer.from(`${clientId}:${site.provider.clientSecret}`).toString('base64')}`);
  const calls = wire.to('userinfo');
  assert.equal(calls.length, userinfo, 'userinfo requests');
  for (const { method, url, headers, body } of calls) {
    assert.deepEqual([method, url, body], ['GET', '/me', '']);
    assert.match(headers.authorization, /^Bearer [\w-]+$/);
  }
}

async function passes(name, change) {
  const { wire, visitor, callback } = await answered(name, change);
  assertSignedIn(visitor, await visitor.open(callback));
  assertRequests(wire, { userinfo: 1 });
  const { subject, name: shown, email, email_verified: verified } = JSON.parse((await visitor.open('/.auth/me')).text);
  assert.deepEqual([subject, shown, email, verified], [PERSON.sub, PERSON.name, PERSON.email, false]);
  return { wire, visitor };
}

for (const [name, change] of Object.entries(passed)) test(`${name}: accepted`, () => passes(name, change));

for (const [name, [change, expected]] of Object.entries(stopped)) {
  test(`${name}: refused, and no userinfo request`, async () => {
    const { wire, visitor, callback } = await answered(name, change);
    await assertCallbackRefused(site, visitor, callback, expected);
    assertRequests(wire, { userinfo: 0 });
  });
}

for (const [name, [change, code]] of Object.entries(untouched)) {
  test(`${name}: refused, and no token request`, async () => {
    const { wire, visitor, callback } = await answered(name, change);
    await assertRefused(site, visitor, await visitor.open(callback), { status: 400, code });
    assert.deepEqual(wire.to('token'), []);
  });
}

test('oidcc-client-test-discovery-openid-config, -issuer-mismatch: asked at the issuer’s own address, and no authorization request', async () => {
  const wire = play({ metadata: { issuer: `${issuer}INVALID` } });
  const visitor = site.visitor();
  await assertRefused(site, visitor, await visitor.walk(login('issuer-mismatch')), { status: 503, code: 'metadata_unavailable' });
  assert.deepEqual(wire.calls.map(({ method, url }) => `${method} ${url}`), ['GET /.well-known/openid-configuration']);
});

test('oidcc-client-test-discovery-jwks-uri-keys: at an address that nobody could guess, and after the configuration', async () => {
  const path = `/jwks?${encode(point)}`;
  const { wire } = await passes('jwks-uri-keys', { metadata: { jwks_uri: `${site.provider.issuer}${path}` } });
  assert.deepEqual(wire.calls.map(({ document }) => document), ['metadata', 'keys', 'token', 'userinfo']);
  assert.equal(wire.to('keys')[0].url, path);
});

test('oidcc-client-test-signing-key-rotation: other keys at the second login', async () => {
  await passes('rotation');
  const next = keyFor('RS256');
  const { wire } = await passes('rotation', { keys: [published(next)], ...signed({ key: next }) });
  assert.equal(wire.to('keys').length, 1);
});

test('oidcc-client-test-signing-key-rotation-just-before-signing: other keys between the key request and the token', async () => {
  const next = keyFor('RS256');
  let rotated = false;
  const keys = () => [published(rotated ? next : signer)];
  const { wire } = await passes('just-before-signing', { keys, token: () => ((rotated = true), { key: next }) });
  assert.deepEqual(wire.calls.map(({ document }) => document).filter((name) => name !== 'metadata'), ['keys', 'token', 'keys', 'userinfo']);
});

test('oidcc-client-test-userinfo-invalid-sub: refused', async () => {
  const { wire, visitor, callback } = await answered('invalid-sub', { userinfo: { ...PERSON, sub: `${PERSON.sub}1` } });
  await assertCallbackRefused(site, visitor, callback, { status: 502, code: 'userinfo_invalid' });
  assertRequests(wire, { userinfo: 1 });
});

test('oidcc-client-test-client-secret-basic: where the provider takes nothing else', async () => {
  await passes('client-secret-basic', { metadata: { token_endpoint_auth_methods_supported: ['client_secret_basic'] } });
});

test('oidcc-client-test-rp-init-logout, -no-state, -other-state: the hint, the exact way back, and a page whatever comes back', async () => {
  let idToken;
  const { visitor } = await passes('logout', { answer: (json) => void (idToken = json.id_token) });
  const { next } = await visitor.open('/.auth/logout?provider', { form: {}, headers: { 'sec-fetch-site': 'same-origin' } });
  const { searchParams } = new URL(next);
  assert.deepEqual([searchParams.get('id_token_hint'), searchParams.get('post_logout_redirect_uri')], [idToken, `${site.url}/.auth/signed-out`]);
  for (const query of ['', '?state=another', '?state=a&state=b']) {
    const { status, next: onward } = await visitor.open(`/.auth/signed-out${query}`);
    assert.deepEqual([status, onward], [200, undefined], query);
  }
  assert.equal(visitor.session, undefined);
});

test('oidcc-client-test-3rd-party-init-login: an issuer that is not of the settings starts nothing', async () => {
  const wire = play();
  for (const query of [`iss=https://evil.example`, 'iss=https://evil.example&target_link_uri=https://evil.example']) {
    const { status, next, text } = await site.visitor().open(`/.auth/login?${query}`);
    assert.deepEqual([status, next, text.includes('evil.example')], [200, undefined, false], query);
  }
  assert.deepEqual(wire.calls, []);
});

test('scope-userinfo-claims, openid-in-scope, nonce, PKCE: what the suite checks of every authorization request', () => {
  assert.equal(asked.length, modules.length, 'one each, two of the rotation, and none where the issuer was another’s');
  for (const { state, nonce, code_challenge: challenge, ...rest } of asked) {
    assert.deepEqual(rest, {
      response_type: 'code',
      client_id: site.provider.clientId,
      redirect_uri: `${site.url}/.auth/callback`,
      scope: 'openid email profile',
      code_challenge_method: 'S256',
    });
  }
  for (const name of ['state', 'nonce', 'code_challenge']) assert.equal(new Set(asked.map((request) => request[name])).size, asked.length, `${name} is never the same`);
});

nothingConfidentialIsLogged();
