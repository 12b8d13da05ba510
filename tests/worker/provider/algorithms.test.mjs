// Every algorithm a setting can name, in a real login: the provider signs with it by itself, and the
// runtime's cryptography checks it. RFC 7518 3.1, RFC 8037 3.1, RFC 8725 3.1.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertCallbackRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';
import { keyFor, parts, published, reissue, withIdToken } from './support/token.mjs';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'EdDSA'];
const keys = Object.fromEntries(ALGORITHMS.map((alg) => [alg, keyFor(alg)]));
/** One key, and nothing on it says what for: the settings do. */
const plain = keyFor('RS256', { alg: undefined, use: undefined });

const id = (alg) => alg.toLowerCase();
const login = (provider) => `/.auth/login?provider=${provider}&return_to=/members/`;

let site;
before(async () => {
  const secret = 'a-secret-for-all-of-the-clients';
  const client = (alg, redirectUri) => ({
    client_id: `client-${id(alg)}`,
    client_secret: secret,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    id_token_signed_response_alg: alg,
  });
  const register = (alg) => ({ client_id: `client-${id(alg)}`, algorithms: [alg] });
  const first = {
    start: (url) => ({
      keys: [...Object.values(keys), { ...plain, alg: 'RS256' }],
      configuration: {
        clients: ALGORITHMS.map((alg) => client(alg, `${url}/.auth/callback`)),
        enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
      },
    }),
    register: register('RS256'),
    secret,
  };
  const others = ALGORITHMS.slice(1).map((alg) => [id(alg), { at: 'rs256', register: register(alg), secret }]);
  const unnamed = ['RS256', 'PS256', 'RS512'].map((alg) => [`plain-${id(alg)}`, { at: 'rs256', register: register(alg), secret }]);
  site = await startSite({ providers: { rs256: first, ...Object.fromEntries([...others, ...unnamed]) }, gate: { kv: false } });
});
after(() => site.close());

for (const alg of ALGORITHMS) {
  test(`${alg}: the provider signs with it, and the login ends at the page`, async () => {
    let said;
    hostile(site.provider, { token: ({ json }) => void (said = parts(json.id_token)[0].alg) });
    const visitor = site.visitor();
    assertSignedIn(visitor, await visitor.open(await visitor.authorize(login(id(alg)))));
    assert.equal(said, alg);
    assert.equal((await visitor.open('/admin/')).status, 200, 'with the claims of the token');
  });

  test(`${alg} pinned: a token signed with any other is refused, though its key is published`, async () => {
    const known = site.visitor();
    await known.signIn(login(id(alg)));
    for (const other of ALGORITHMS.filter((name) => name !== alg)) {
      hostile(site.provider, withIdToken((token) => reissue(token, { key: keys[other] })));
      const visitor = known.withoutSite();
      await assertCallbackRefused(site, visitor, await visitor.authorize(login(id(alg))), {
        status: 502,
        code: 'id_token_invalid',
        detail: /an algorithm that the settings do not name/,
      });
    }
  });

  test(`${alg}: a bit of the signature changed is refused`, async () => {
    const change = (bytes) => (bytes.writeUInt8(bytes[40] ^ 4, 40), bytes);
    hostile(site.provider, withIdToken((token) => reissue(token, { key: keys[alg], signature: change })));
    const visitor = site.visitor();
    await assertCallbackRefused(site, visitor, await visitor.authorize(login(id(alg))), { status: 502, code: 'key_unknown' });
  });
}

test('RFC 8725 3.1: a key that names no algorithm does the one the settings pin, and that one only', async () => {
  const { alg, use, ...bare } = published(plain);
  for (const name of ['RS256', 'PS256', 'RS512']) {
    const tricks = { keys: ({ json }) => void (json.keys = [bare]), ...withIdToken((token) => reissue(token, { key: plain, alg: name })) };
    hostile(site.provider, tricks);
    const visitor = site.visitor();
    assertSignedIn(visitor, await visitor.open(await visitor.authorize(login(`plain-${id(name)}`))));
  }
});

nothingConfidentialIsLogged();
