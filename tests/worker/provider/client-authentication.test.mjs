// How the gate shows the token endpoint who it is: OpenID Connect Core 3.1.3.1 and 9, RFC 6749 2.3.1.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertCallbackRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';

const ODD = 'a:b%c+d e&f=g/"h\\i%2B~!';
const ODD_ID = 'an:odd%20+client';
const methods = ['client_secret_basic', 'client_secret_post', 'none'];

/** By registration: the client's method at the provider, the setting, and what is registered. */
const rows = {
  'basic-auto': { method: 'client_secret_basic' },
  'basic-pinned': { method: 'client_secret_basic', token_auth: 'basic' },
  'post-pinned': { method: 'client_secret_post', token_auth: 'post' },
  'none-auto': { method: 'none', secret: null },
  'none-pinned': { method: 'none', secret: null, token_auth: 'none' },
  'basic-odd': { method: 'client_secret_basic', secret: ODD, clientId: ODD_ID },
  'post-odd': { method: 'client_secret_post', token_auth: 'post', secret: ODD, clientId: `${ODD_ID}-post` },
};

let site;
before(async () => {
  const clientId = (id) => rows[id].clientId ?? `client-${id}`;
  const secret = (id) => (rows[id].secret === undefined ? `secret-of-${id}-0123456789` : rows[id].secret);
  const register = (id) => ({ client_id: clientId(id), ...(rows[id].token_auth && { token_auth: rows[id].token_auth }) });
  const client = (id, redirectUri) => ({
    client_id: clientId(id),
    ...(secret(id) && { client_secret: secret(id) }),
    token_endpoint_auth_method: rows[id].method,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code'],
    response_types: ['code'],
  });
  const [first, ...others] = Object.keys(rows);
  const start = (url) => ({
    configuration: { clients: Object.keys(rows).map((id) => client(id, `${url}/.auth/callback`)), clientAuthMethods: methods },
  });
  site = await startSite({
    providers: {
      [first]: { start, register: register(first), secret: secret(first) },
      ...Object.fromEntries(others.map((id) => [id, { at: first, register: register(id), secret: secret(id) }])),
      'post-listed': { at: first, register: { client_id: clientId('post-pinned') }, secret: secret('post-pinned') },
      umlaut: { at: first, register: register(first), secret: 'gr\u00fc\u00dfe \u20ac' },
      wrong: { at: first, register: register(first), secret: 'not-the-secret-of-this-client' },
    },
    gate: { kv: false },
  });
});
after(() => site.close());

const login = (id) => `/.auth/login?provider=${id}&return_to=/members/`;

/** The token request of a login, after the login came to its end. */
async function exchange(id, tricks = {}) {
  const wire = hostile(site.provider, tricks);
  const visitor = site.visitor();
  assertSignedIn(visitor, await visitor.open(await visitor.authorize(login(id))));
  const [{ method, headers, body, url }] = wire.to('token');
  assert.deepEqual([method, url, headers['content-type']], ['POST', '/token', 'application/x-www-form-urlencoded']);
  return { headers, form: Object.fromEntries(new URLSearchParams(body)) };
}

/** The header's two parts, still form-encoded. */
const basic = ({ headers }) => Buffer.from(headers.authorization.replace(/^Basic /, ''), 'base64').toString().split(':');
const decoded = (part) => new URLSearchParams(`x=${part}`).get('x');

for (const id of ['basic-auto', 'basic-pinned', 'basic-odd']) {
  test(`RFC 6749 2.3.1: client_secret_basic, ${id}: both parts form-encoded, and not in the body too`, async () => {
    const request = await exchange(id);
    const parts = basic(request);
    assert.equal(parts.length, 2, 'one colon');
    const { client_id } = site.settings.providers.find((provider) => provider.id === id);
    assert.deepEqual(parts.map(decoded), [client_id, rows[id].secret ?? `secret-of-${id}-0123456789`]);
    assert.deepEqual([request.form.client_id, request.form.client_secret], [undefined, undefined]);
  });
}

for (const id of ['post-pinned', 'post-odd']) {
  test(`RFC 6749 2.3.1: client_secret_post, ${id}: in the body alone`, async () => {
    const { headers, form } = await exchange(id);
    assert.equal(headers.authorization, undefined);
    assert.equal(form.client_secret, rows[id].secret ?? `secret-of-${id}-0123456789`);
  });
}

for (const id of ['none-auto', 'none-pinned']) {
  test(`Core 9: a public client, ${id}: its id, and the verifier alone to prove it`, async () => {
    const { headers, form } = await exchange(id);
    assert.deepEqual([headers.authorization, form.client_secret, form.client_id], [undefined, undefined, `client-${id}`]);
    assert.match(form.code_verifier, /^[\w-]{43}$/);
  });
}

test('Core 9: without a setting the metadata choose: post where basic is not on the list', async () => {
  const { headers, form } = await exchange('post-listed', {
    metadata: ({ json }) => void (json.token_endpoint_auth_methods_supported = ['client_secret_post', 'private_key_jwt']),
  });
  assert.equal(headers.authorization, undefined);
  assert.ok(form.client_secret);
});

test('RFC 6749 2.3.1, App. B: what is not ASCII is UTF-8 before it is encoded', async () => {
  const wire = hostile(site.provider);
  const visitor = site.visitor();
  // The library takes no such secret, so the provider refuses; what it was sent is what counts.
  await assertCallbackRefused(site, visitor, await visitor.authorize(login('umlaut')), { status: 502, code: 'token_refused' });
  const [, secret] = basic(wire.to('token')[0]);
  assert.match(secret, /^[\x21-\x7e]+$/);
  assert.equal(decoded(secret), 'gr\u00fc\u00dfe \u20ac');
});

test('RFC 6749 5.2: a secret the provider does not take: a page, a line in the log, and no second try', async () => {
  const wire = hostile(site.provider);
  const visitor = site.visitor();
  const expected = { status: 502, code: 'token_refused', detail: /refused: invalid_client/ };
  await assertCallbackRefused(site, visitor, await visitor.authorize(login('wrong')), expected);
  assert.equal(wire.to('token').length, 1);
});

nothingConfidentialIsLogged();
