// How an ID token is signed: OpenID Connect Core 3.1.3.7 steps 6 to 8, RFC 7515, RFC 8725. The claims
// are right in every one of them.

import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertCallbackRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';
import { encode, keyFor, parts, published, reissue, sign, withIdToken } from './support/token.mjs';

// All three are published. The settings pin RS256 for one registration, ES256 for another.
const keys = { rsa: keyFor('RS256'), ec: keyFor('ES256'), ed: keyFor('EdDSA') };
const stranger = keyFor('RS256', { kid: keys.rsa.kid });
const strangers = { ec: keyFor('ES256', { kid: keys.ec.kid }) };

let site;
let known;
before(async () => {
  site = await startSite({
    providers: {
      demo: { start: { keys: Object.values(keys) } },
      ec: { at: 'demo', register: { algorithms: ['ES256'] } },
      both: { at: 'demo', register: { algorithms: ['RS256', 'ES256'] } },
    },
  });
  known = site.visitor();
  await known.signIn(login('demo'));
});
after(() => site.close());

const login = (id) => `/.auth/login?provider=${id}&return_to=/members/`;

async function answered(change, id = 'demo') {
  const wire = hostile(site.provider, withIdToken(change));
  const visitor = known.withoutSite();
  return { wire, visitor, callback: await visitor.authorize(login(id)) };
}

/** `key` signs with its own algorithm, unless `change` says otherwise. */
const signed = (key, change = {}) => (token) => reissue(token, { key, ...change });
const header = (members) => signed(keys.rsa, { header: members });
const bits = (change) => signed(keys.rsa, { signature: change });
const pieces = (change) => (token) => change(...token.split('.')).join('.');
/** HS256 with what an attacker knows for a key. */
const hmac = (bytes) => (token) => reissue(token, { key: { bytes, kid: keys.rsa.kid }, alg: 'HS256' });
/** The algorithm is one the gate never signs for; the signature stays the provider's. */
const unsigned = (alg, end = '') => (token) => {
  const [old, claims] = parts(token);
  return `${encode(JSON.stringify({ ...old, alg }))}.${encode(JSON.stringify(claims))}.${end}`;
};

const publicKey = createPublicKey({ key: published(keys.rsa), format: 'jwk' });
const pem = publicKey.export({ type: 'spki', format: 'pem' });

const ALGORITHM = /an algorithm that the settings do not name/;
const EXTENSION = /extension/;
const TYPE = /another type/;
const ENCRYPTED = /encrypted/;
const FORM = /not a signed token/;

const refused = {
  '3.1.3.7-7, RFC 8725 3.2: alg none': [unsigned('none'), ALGORITHM],
  '3.1.3.7-7: alg none, the signature left on': [unsigned('none', 'AAAA'), ALGORITHM],
  '3.1.3.7-7: alg None': [unsigned('None'), ALGORITHM],
  '3.1.3.7-7: alg nOnE': [unsigned('nOnE'), ALGORITHM],
  '3.1.3.7-7: alg empty': [unsigned(''), ALGORITHM],
  '3.1.3.7-7: alg rs256': [header({ alg: 'rs256' }), ALGORITHM],
  '3.1.3.7-7: alg missing': [header({ alg: undefined }), FORM],
  '3.1.3.7-7: alg a list': [header({ alg: ['RS256'] }), FORM],
  '3.1.3.7-7: alg twice': [signed(keys.rsa, { headerText: (text) => text.replace('{', '{"alg":"none",') }), FORM],
  '3.1.3.7-7: ES256 by a published key': [signed(keys.ec), ALGORITHM],
  '3.1.3.7-7: EdDSA by a published key': [signed(keys.ed), ALGORITHM],
  '3.1.3.7-7: RS384 by the very key': [signed(keys.rsa, { alg: 'RS384' }), ALGORITHM],
  '3.1.3.7-7: PS256 by the very key': [signed(keys.rsa, { alg: 'PS256' }), ALGORITHM],
  '3.1.3.7-8, CVE-2016-10555: HS256 with the PEM of the public key': [hmac(pem), ALGORITHM],
  '3.1.3.7-8: HS256 with the PEM without its last line break': [hmac(pem.trim()), ALGORITHM],
  '3.1.3.7-8: HS256 with the DER of the public key': [hmac(publicKey.export({ type: 'spki', format: 'der' })), ALGORITHM],
  '3.1.3.7-8: HS256 with the JWK of the public key': [hmac(JSON.stringify(published(keys.rsa))), ALGORITHM],
  '3.1.3.7-8: HS256 with the modulus': [hmac(Buffer.from(keys.rsa.n, 'base64url')), ALGORITHM],
  '3.1.3.7-8: HS256 with the client secret': [(token) => hmac(site.provider.clientSecret)(token), ALGORITHM],
  '3.1.3.7-8, RFC 8725 3.5: HS256 with an empty key': [hmac(''), ALGORITHM],
  'RFC 7515 4.1.11: crit b64': [header({ crit: ['b64'], b64: true }), EXTENSION],
  'RFC 7515 4.1.11: crit exp': [header({ crit: ['exp'], exp: 1 }), EXTENSION],
  'RFC 7515 App. E: crit of an extension nobody knows': [header({ crit: ['http://example.invalid/UNDEFINED'], 'http://example.invalid/UNDEFINED': true }), EXTENSION],
  'RFC 7515 4.1.11: crit an empty list': [header({ crit: [] }), EXTENSION],
  'RFC 7515 4.1.11: crit a text': [header({ crit: 'exp' }), EXTENSION],
  'RFC 7515 4.1.11: crit null': [header({ crit: null }), EXTENSION],
  'RFC 8725 3.6: zip DEF': [header({ zip: 'DEF' }), EXTENSION],
  'RFC 8725 3.11: an access token': [header({ typ: 'at+jwt' }), TYPE],
  'RFC 8725 3.11: a logout token': [header({ typ: 'logout+jwt' }), TYPE],
  'RFC 8725 3.11: a type nobody knows': [header({ typ: 'x' }), TYPE],
  'RFC 8725 3.11: typ a list': [header({ typ: ['JWT'] }), FORM],
  'RFC 7515 4.1.4: kid a list': [header({ kid: [keys.rsa.kid] }), FORM],
  'RFC 7515 4.1.4: kid a number': [header({ kid: 1 }), FORM],
  'RFC 7515 4: kid twice': [signed(keys.rsa, { headerText: (text) => text.replace('{', '{"kid":"x",') }), FORM],
  'RFC 7515 7.1: two parts': [pieces((head, body) => [head, body]), FORM],
  'RFC 7515 7.1: one part': [pieces((head) => [head]), FORM],
  'RFC 7515 7.1: four parts': [pieces((...three) => [...three, 'AAAA']), FORM],
  'RFC 7516 7.1: five parts, as of an encrypted token': [pieces((...three) => [...three, 'AAAA', 'AAAA']), ENCRYPTED],
  'RFC 7515 2: base64 with padding': [pieces((head, body, end) => [head, body, `${end}==`]), FORM],
  'RFC 7515 2: base64 of the other alphabet': [pieces((head, body, end) => [head, body, Buffer.from(end, 'base64url').toString('base64').replace(/=+$/, '').replace(/^./, '+')]), FORM],
  'RFC 7515 2: a line break behind it': [(token) => `${token}\n`, FORM],
  'RFC 7515 2: a space in it': [pieces((head, body, end) => [head, `${body} `, end]), FORM],
  'RFC 7515 7.2: JSON instead of dots': [pieces((head, body, end) => [JSON.stringify({ protected: head, payload: body, signature: end })]), FORM],
  'RFC 7515 4: a header that is no JSON': [signed(keys.rsa, { headerText: () => 'RS256' }), FORM],
  'an opaque access token in its place': [() => 'b3BhcXVlLWFjY2Vzcy10b2tlbg', FORM],
  'nothing': [() => '', FORM],
  'a token of 200 KB': [signed(keys.rsa, { claims: { more: 'x'.repeat(140_000) } }), FORM],
};
for (const [what, [change, detail]] of Object.entries(refused)) {
  test(`${what.startsWith('3.') ? 'Core ' : ''}${what}: refused`, async () => {
    const { visitor, callback } = await answered(change);
    await assertCallbackRefused(site, visitor, callback, { status: 502, code: 'id_token_invalid', detail });
  });
}

const zeros = (length) => () => Buffer.alloc(length);
const unproven = {
  'Core 3.1.3.7-6: by a key of the same id that is not published': [signed(stranger)],
  'Core 3.1.3.7-6: the first bit of the signature': [bits((bytes) => (bytes.writeUInt8(bytes[0] ^ 0x80, 0), bytes))],
  'Core 3.1.3.7-6: the last bit of the signature': [bits((bytes) => (bytes.writeUInt8(bytes.at(-1) ^ 1, bytes.length - 1), bytes))],
  'Core 3.1.3.7-6: no signature': [pieces((head, body) => [head, body, ''])],
  'Core 3.1.3.7-6: half a signature': [bits((bytes) => bytes.subarray(0, bytes.length / 2))],
  'Core 3.1.3.7-6: a byte more': [bits((bytes) => Buffer.concat([bytes, Buffer.alloc(1)]))],
  'Core 3.1.3.7-6: a byte in front': [bits((bytes) => Buffer.concat([Buffer.alloc(1), bytes]))],
  'Core 3.1.3.7-6: a signature of zeros': [bits(zeros(256))],
  'Core 3.1.3.7-6: sub changed under an intact signature': [pieces((head, body, end) => [head, encode(Buffer.from(body, 'base64url').toString().replace('"ada"', '"bob"')), end])],
  'RFC 8725 3.1: RS256 by a PS256 signature': [(token) => {
    const message = token.slice(0, token.lastIndexOf('.'));
    return `${message}.${encode(sign('PS256', keys.rsa, message))}`;
  }],
  'CVE-2022-21449: ES256 with r and s 0': [signed(keys.ec, { signature: zeros(64) }), 'ec'],
  'RFC 7518 3.4: ES256 by a key of the same id that is not published': [signed(strangers.ec), 'ec'],
  'RFC 7518 3.4: ES256 with the signature in DER': [signed(keys.ec, { signature: der }), 'ec'],
  'RFC 7515 4.1.4: kid of no key': [header({ kid: 'unknown' })],
  'RFC 7515 4.1.4: kid empty': [header({ kid: '' })],
  'RFC 7515 4.1.4: kid in another case': [header({ kid: keys.rsa.kid.toUpperCase() === keys.rsa.kid ? 'x' : keys.rsa.kid.toUpperCase() })],
  'RFC 8725 3.10: kid a path': [header({ kid: '../../../../dev/null' })],
  'RFC 8725 3.10: kid a query': [header({ kid: "' OR 1=1--" })],
  'RFC 8725 3.10: kid an address': [header({ kid: 'http://127.0.0.1/jwks' })],
  'RFC 8725 3.10: kid of 64 KB': [header({ kid: 'k'.repeat(65_536) })],
  'RFC 8725 3.1: kid of a key for another algorithm': [signed(keys.rsa, { header: { kid: keys.ec.kid } }), 'both'],
};
for (const [what, [change, id]] of Object.entries(unproven)) {
  test(`${what}: refused`, async () => {
    const { visitor, callback } = await answered(change, id);
    await assertCallbackRefused(site, visitor, callback, { status: 502, code: 'key_unknown' });
  });
}

test('RFC 8725 3.10, CVE-2018-0114: jku, x5u, jwk and x5c are ignored, and nobody is asked for a key', async () => {
  const asked = [];
  const listener = createServer(({ url }, response) => (asked.push(url), response.end(JSON.stringify({ keys: [published(own)] })))).listen(0, '127.0.0.1');
  const own = keyFor('RS256');
  await once(listener, 'listening');
  const address = `http://localhost:${listener.address().port}`;
  const places = [
    { jku: `${address}/jku` },
    { jku: `${address}/jku`, kid: keys.rsa.kid },
    { x5u: `${address}/x5u` },
    { jku: 'http://169.254.169.254/latest/meta-data' },
    { jwk: published(own), kid: undefined },
    { jwk: published(own), kid: keys.rsa.kid },
    { x5c: [createPublicKey({ key: published(own), format: 'jwk' }).export({ type: 'spki', format: 'der' }).toString('base64')] },
  ];
  for (const members of places) {
    const { visitor, callback } = await answered(signed(own, { header: members }));
    await assertCallbackRefused(site, visitor, callback, { status: 502, code: 'key_unknown' });
    // The provider's own signature counts, whatever stands beside it.
    const honest = await answered(header({ ...members, kid: keys.rsa.kid }));
    assertSignedIn(honest.visitor, await honest.visitor.open(honest.callback));
  }
  listener.close();
  assert.deepEqual(asked, []);
});

const accepted = {
  'RS256 by the published key': [signed(keys.rsa)],
  'ES256 where it is pinned': [signed(keys.ec), 'ec'],
  'each of two that are pinned, RS256': [signed(keys.rsa), 'both'],
  'each of two that are pinned, ES256': [signed(keys.ec), 'both'],
  'Core 10.1: no kid, and one key that can have signed': [header({ kid: undefined })],
  'RFC 7515 4.1.9: typ jwt': [header({ typ: 'jwt' })],
  'RFC 7515 4.1.9: no typ': [header({ typ: undefined })],
  'RFC 7515 4.2: a member nobody knows, and not critical': [header({ 'https://example.com/more': 1 })],
};
for (const [what, [change, id]] of Object.entries(accepted)) {
  test(`${what}: accepted`, async () => {
    const { visitor, callback } = await answered(change, id);
    assertSignedIn(visitor, await visitor.open(callback));
  });
}

/** An ECDSA signature as certificates have it. */
function der(bytes) {
  const number = (half) => Buffer.concat([Buffer.from([2, 33, 0]), half]);
  const both = Buffer.concat([number(bytes.subarray(0, 32)), number(bytes.subarray(32))]);
  return Buffer.concat([Buffer.from([0x30, both.length]), both]);
}

nothingConfidentialIsLogged();
