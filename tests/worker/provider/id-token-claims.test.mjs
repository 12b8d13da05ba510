// What an ID token says: OpenID Connect Core 2, 3.1.3.7 steps 2 to 5 and 9 to 11, 3.1.3.8. Each token
// is the provider's own, with a claim changed, signed by the provider's own key.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertCallbackRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';
import { accessTokenHash, parts, reissue, withIdToken } from './support/token.mjs';

let site;
let known;
before(async () => {
  site = await startSite();
  known = site.visitor();
  await known.signIn('/members/');
});
after(() => site.close());

/** A visitor about to come back to a token whose claims are changed by `change` (of claims and access token). */
async function answered(change) {
  const wire = hostile(site.provider, {
    token: ({ json }) => {
      const [, claims] = parts(json.id_token);
      json.id_token = reissue(json.id_token, { key: site.provider.key, ...change(claims, json.access_token) });
    },
  });
  const visitor = known.withoutSite();
  return { wire, visitor, callback: await visitor.authorize() };
}

const set = (claims) => () => ({ claims });
const now = () => Math.floor(Date.now() / 1000);
const iss = (change) => (claims) => ({ claims: { iss: change(claims.iss) } });
const aud = (change) => (claims) => ({ claims: { aud: change(claims.aud) } });
const text = (change) => () => ({ payload: change });

const ISSUER = /^iss /;
const AUDIENCE = /^aud /;
const AZP = /^azp /;
const SUBJECT = /^sub /;
const EXPIRED = /^expired/;
const ISSUED = /^from the future/;
const NONCE = /^nonce /;
const HASH = /^at_hash /;
const PAYLOAD = /^the payload/;
const EITHER = (one) => new RegExp(`${one.source}|${PAYLOAD.source}`);

const refused = {
  '3.1.3.7-2: iss with a slash more': [iss((value) => `${value}/`), ISSUER],
  '3.1.3.7-2: iss with a digit more': [iss((value) => `${value}1`), ISSUER],
  '3.1.3.7-2: iss with a digit less': [iss((value) => value.slice(0, -1)), ISSUER],
  '3.1.3.7-2: iss in capitals': [iss((value) => value.replace('localhost', 'LOCALHOST')), ISSUER],
  '3.1.3.7-2: iss over https': [iss((value) => value.replace('http', 'https')), ISSUER],
  '3.1.3.7-2: iss in another alphabet': [iss((value) => value.replace('localhost', 'l\u043ecalhost')), ISSUER],
  '3.1.3.7-2: no iss': [set({ iss: undefined }), ISSUER],
  '3.1.3.7-2: iss a list': [iss((value) => [value]), ISSUER],
  '3.1.3.7-2: iss null': [set({ iss: null }), ISSUER],
  '3.1.3.7-2: iss twice, the right one first': [text((json) => json.replace(/}$/, ',"iss":"https://evil.example"}')), PAYLOAD],
  '3.1.3.7-2: iss twice, the right one last': [text((json) => json.replace('{', '{"iss":"https://evil.example",')), PAYLOAD],
  '3.1.3.7-3: aud with a digit more': [aud((value) => `${value}1`), AUDIENCE],
  '3.1.3.7-3: aud with a letter less': [aud((value) => value.slice(0, -1)), AUDIENCE],
  '3.1.3.7-3: no aud': [set({ aud: undefined }), AUDIENCE],
  '3.1.3.7-3: aud an empty list': [set({ aud: [] }), AUDIENCE],
  '3.1.3.7-3: aud an empty text': [set({ aud: '' }), AUDIENCE],
  '3.1.3.7-3: aud an object': [aud((value) => ({ [value]: true })), AUDIENCE],
  '3.1.3.7-3: aud two clients in one text': [aud((value) => `${value} stranger`), AUDIENCE],
  '3.1.3.7-3: another audience beside us': [aud((value) => [value, 'stranger']), AUDIENCE],
  '3.1.3.7-3: another audience beside us, azp us': [(claims) => ({ claims: { aud: [claims.aud, 'stranger'], azp: claims.aud } }), AUDIENCE],
  '3.1.3.7-3: a number beside us': [aud((value) => [value, 1]), AUDIENCE],
  '3.1.3.7-3: aud a list in a list': [aud((value) => [[value]]), AUDIENCE],
  '3.1.3.7-4, 5: azp somebody else': [set({ azp: 'stranger' }), AZP],
  '3.1.3.7-4, 5: azp empty': [set({ azp: '' }), AZP],
  '3.1.3.7-4, 5: azp a list': [(claims) => ({ claims: { azp: [claims.aud] } }), AZP],
  '2: no sub': [set({ sub: undefined }), SUBJECT],
  '2: sub empty': [set({ sub: '' }), SUBJECT],
  '2: sub a number': [set({ sub: 1 }), SUBJECT],
  '2: sub null': [set({ sub: null }), SUBJECT],
  '2: sub with 256 characters': [set({ sub: 's'.repeat(256) }), SUBJECT],
  '2: sub outside ASCII': [set({ sub: 'ad\u00e4' }), SUBJECT],
  '2: sub with a line break': [set({ sub: 'ada\r\nX-Auth-Groups: admins' }), SUBJECT],
  '2: sub twice': [text((json) => json.replace(/}$/, ',"sub":"bob"}')), PAYLOAD],
  '3.1.3.7-9: exp two minutes ago': [() => ({ claims: { exp: now() - 120 } }), EXPIRED],
  '3.1.3.7-9: no exp': [set({ exp: undefined }), EXPIRED],
  '3.1.3.7-9: exp 0': [set({ exp: 0 }), EXPIRED],
  '3.1.3.7-9: exp below 0': [set({ exp: -1 }), EXPIRED],
  '3.1.3.7-9: exp null': [set({ exp: null }), EITHER(EXPIRED)],
  '3.1.3.7-9: exp a text': [() => ({ claims: { exp: `${now() + 600}` } }), EITHER(EXPIRED)],
  '3.1.3.7-9: exp 1e308': [text((json) => json.replace(/"exp":\d+/, '"exp":1e308')), EITHER(EXPIRED)],
  '3.1.3.7-9: exp past what a number holds': [text((json) => json.replace(/"exp":\d+/, '"exp":99999999999999999999')), EITHER(EXPIRED)],
  '3.1.3.7-9: exp twice': [text((json) => json.replace('{', '{"exp":1,')), PAYLOAD],
  '3.1.3.7-10: no iat': [set({ iat: undefined }), ISSUED],
  '3.1.3.7-10: iat in an hour': [() => ({ claims: { iat: now() + 3600 } }), ISSUED],
  '3.1.3.7-10: iat two hours ago': [() => ({ claims: { iat: now() - 7200 } }), ISSUED],
  '3.1.3.7-10: iat a text': [() => ({ claims: { iat: `${now()}` } }), EITHER(ISSUED)],
  'RFC 7519 4.1.5: nbf in an hour': [() => ({ claims: { nbf: now() + 3600 } }), ISSUED],
  '3.1.3.7-11: no nonce': [set({ nonce: undefined }), NONCE],
  '3.1.3.7-11: nonce empty': [set({ nonce: '' }), NONCE],
  '3.1.3.7-11: nonce with a digit more': [(claims) => ({ claims: { nonce: `${claims.nonce}1` } }), NONCE],
  '3.1.3.7-11: nonce with a letter less': [(claims) => ({ claims: { nonce: claims.nonce.slice(0, -1) } }), NONCE],
  '3.1.3.7-11: nonce a list': [(claims) => ({ claims: { nonce: [claims.nonce] } }), NONCE],
  '3.1.3.7-11: nonce twice': [text((json) => json.replace(/}$/, ',"nonce":"another-nonce"}')), PAYLOAD],
  '3.1.3.8: at_hash of another access token': [() => ({ claims: { at_hash: accessTokenHash('another') } }), HASH],
  '3.1.3.8: at_hash whole, not its left half': [(_, access) => ({ claims: { at_hash: accessTokenHash(access, 'sha512') } }), HASH],
  '3.1.3.8: at_hash empty': [set({ at_hash: '' }), HASH],
  '3.1.3.8: at_hash null': [set({ at_hash: null }), HASH],
  'RFC 7519 7.2: the payload a list': [text((json) => `[${json}]`), PAYLOAD],
  'RFC 7519 7.2: the payload no JSON': [text(() => 'claims'), PAYLOAD],
  'RFC 7519 7.2: something behind the payload': [text((json) => `${json}{}`), PAYLOAD],
  'RFC 7519 7.2: a byte order mark in front': [text((json) => `\ufeff${json}`), PAYLOAD],
  'RFC 7519 7.2: a NUL behind': [text((json) => `${json}\0`), PAYLOAD],
};
for (const [what, [change, detail]] of Object.entries(refused)) {
  test(`Core ${what}: refused`, async () => {
    const { visitor, callback } = await answered(change);
    await assertCallbackRefused(site, visitor, callback, { status: 502, code: 'id_token_invalid', detail });
  });
}

const accepted = {
  'the token signed again as it was': () => ({}),
  '3.1.3.7-3: aud a list of us alone': aud((value) => [value]),
  '3.1.3.7-4, 5: azp us': (claims) => ({ claims: { azp: claims.aud } }),
  '2: sub with 255 characters': set({ sub: 's'.repeat(255) }),
  '3.1.3.7-9: exp half a minute ago, for clocks differ': () => ({ claims: { exp: now() - 30 } }),
  '3.1.3.7-10: iat in half a minute': () => ({ claims: { iat: now() + 30 } }),
  '3.1.3.7-10: iat ten minutes ago': () => ({ claims: { iat: now() - 600 } }),
  'RFC 7519 4.1.5: nbf a minute ago': () => ({ claims: { nbf: now() - 60 } }),
  '3.1.3.8: at_hash of the access token': (_, access) => ({ claims: { at_hash: accessTokenHash(access) } }),
  '3.1.3.8: no at_hash': set({ at_hash: undefined }),
  '5.1.2: claims nobody knows': set({ 'https://example.com/more': { nested: [null, 1, 'x'] } }),
};
for (const [what, change] of Object.entries(accepted)) {
  test(`Core ${what}: accepted`, async () => {
    const { visitor, callback } = await answered(change);
    assertSignedIn(visitor, await visitor.open(callback));
  });
}

test('Core 3.1.3.7-11: the ID token of an earlier login of the same person is refused', async () => {
  let earlier;
  hostile(site.provider, { token: ({ json }) => void (earlier = json.id_token) });
  const first = known.withoutSite();
  assertSignedIn(first, await first.open(await first.authorize()));
  hostile(site.provider, withIdToken(() => earlier));
  const visitor = known.withoutSite();
  await assertCallbackRefused(site, visitor, await visitor.authorize(), { status: 502, code: 'id_token_invalid', detail: HASH_OR_NONCE });
});
const HASH_OR_NONCE = new RegExp(`${NONCE.source}|${HASH.source}`);

test('Core 2: sub is kept in its case, and is what the origin and the visitor get', async () => {
  const { visitor, callback } = await answered(set({ sub: 'AdA|42' }));
  await visitor.open(callback);
  const me = await visitor.open('/.auth/me');
  assert.deepEqual([JSON.parse(me.text).subject, JSON.parse(me.text).provider], ['AdA|42', 'demo']);
});

nothingConfidentialIsLogged();
