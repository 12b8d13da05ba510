// The userinfo endpoint, where the settings ask for it: OpenID Connect Core 5.3.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertCallbackRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';
import { reissue } from './support/token.mjs';

let site;
before(async () => {
  const providers = { asked: { register: { userinfo: true } }, silent: { at: 'asked' } };
  for (const id of ['missing', 'broken']) providers[id] = { at: 'asked', register: { userinfo: true } };
  site = await startSite({ providers, gate: { kv: false } });
});
after(() => site.close());

const login = (id) => `/.auth/login?provider=${id}&return_to=/members/`;

async function answered(tricks, id = 'asked') {
  let accessToken;
  const wire = hostile(site.provider, { token: ({ json }) => void (accessToken = json.access_token), ...tricks });
  const visitor = site.visitor();
  return { wire, visitor, callback: await visitor.authorize(login(id)), accessToken: () => accessToken };
}

const me = async (visitor) => JSON.parse((await visitor.open('/.auth/me')).text);
/** The provider says nothing of the person in the ID token. */
const bare = ({ json }) => void (json.id_token = reissue(json.id_token, {
  key: site.provider.key,
  claims: { groups: undefined, name: undefined, email: undefined, email_verified: undefined },
}));

test('Core 5.3.1: asked with the access token in the header, and never in the address', async () => {
  const { wire, visitor, callback, accessToken } = await answered({});
  assertSignedIn(visitor, await visitor.open(callback));
  const [{ method, url, headers }, ...more] = wire.to('userinfo');
  assert.deepEqual([method, url, headers.authorization, more.length], ['GET', '/me', `Bearer ${accessToken()}`, 0]);
});

test('Core 5.3: not asked unless the settings say so', async () => {
  const { wire, visitor, callback } = await answered({}, 'silent');
  assertSignedIn(visitor, await visitor.open(callback));
  assert.equal(wire.to('userinfo').length, 0);
});

test('Core 5.3.2: it says what the ID token does not', async () => {
  const { visitor, callback } = await answered({ token: bare });
  assertSignedIn(visitor, await visitor.open(callback));
  const { email, name, groups } = await me(visitor);
  assert.deepEqual([email, name, groups], ['ada@example.com', 'Ada Lindqvist', ['admins']]);
  assert.equal((await visitor.open('/admin/')).status, 200);
});

test('Core 5.3.2: the ID token, which is signed, has the last word', async () => {
  const { visitor, callback } = await answered({ userinfo: ({ json }) => Object.assign(json, { name: 'Eve', email: 'eve@example.com' }) });
  assertSignedIn(visitor, await visitor.open(callback));
  assert.deepEqual([(await me(visitor)).name, (await me(visitor)).email], ['Ada Lindqvist', 'ada@example.com']);
});

const subject = (sub) => ({ json }) => void (json.sub = sub);
const refused = {
  'sub of somebody else': [subject('bob'), /sub is not the ID token's/],
  'sub with a letter more': [subject('ada1'), /sub is not/],
  'sub in capitals': [subject('ADA'), /sub is not/],
  'no sub': [subject(undefined), /sub is not/],
  'sub a list': [subject(['ada']), /sub is not/],
  'sub twice': [(answer) => void (answer.body = JSON.stringify(answer.json).replace('{', '{"sub":"bob",')), /not a JSON object/],
  'status 401': [(answer) => void (answer.status = 401), /status 401/],
  'status 500': [(answer) => void (answer.status = 500), /status 500/],
  'a redirect': [(answer) => Object.assign(answer, { status: 302, headers: { location: `${site.provider.issuer}/jwks` } }), /status 302/],
  'an HTML page': [(answer) => void (answer.body = '<!doctype html>'), /not a JSON object/],
  'a list': [(answer) => void (answer.body = JSON.stringify([answer.json])), /not a JSON object/],
  'a signed token, which was not agreed on': [(answer) => Object.assign(answer, { headers: { 'content-type': 'application/jwt' }, body: 'e30.e30.AA' }), /not a JSON object/],
};
for (const [what, [userinfo, detail]] of Object.entries(refused)) {
  test(`Core 5.3.2, 5.3.4: ${what}: no session`, async () => {
    const { wire, visitor, callback } = await answered({ userinfo });
    await assertCallbackRefused(site, visitor, callback, { status: 502, code: 'userinfo_invalid', detail });
    assert.equal(wire.to('userinfo').length, 1);
  });
}

test('Core 5.3: no access token to ask with: no session', async () => {
  const { wire, visitor, callback } = await answered({ token: ({ json }) => void delete json.access_token });
  await assertCallbackRefused(site, visitor, callback, { status: 502, code: 'userinfo_invalid' });
  assert.equal(wire.to('userinfo').length, 0);
});

test('Core 5.3: no endpoint to ask at, or none that may be called: no session', async () => {
  for (const [id, endpoint] of [['missing', undefined], ['broken', 'http://evil.example/me']]) {
    const { visitor, callback } = await answered({ metadata: ({ json }) => void (json.userinfo_endpoint = endpoint) }, id);
    await assertCallbackRefused(site, visitor, callback, { status: 502, code: 'userinfo_invalid' });
  }
});

nothingConfidentialIsLogged();
