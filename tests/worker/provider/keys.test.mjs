// The provider's published keys: OpenID Connect Core 10.1, RFC 7517, RFC 8725. Each row has a
// registration of its own, so that it finds the key set on the wire for itself, with its own budget.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertCallbackRefused, assertRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';
import { keyFor, published, reissue, withIdToken } from './support/token.mjs';

const key = keyFor('RS256');
const other = keyFor('RS256');
const short = keyFor('RS256', { bits: 1024 });
const point = Buffer.alloc(32, 7).toString('base64url');

/** Keys that cannot be used: skipped, and never the reason why a login fails. */
const useless = {
  'null': null,
  'a text': 'key',
  'no members': {},
  'a type nobody knows': { kty: 'XYZ', kid: 'x' },
  'secp256k1': { kty: 'EC', crv: 'secp256k1', x: point, y: point },
  'P-521 with too few bytes': { kty: 'EC', crv: 'P-521', x: point, y: point },
  'P-256 with a point that is not on it': { kty: 'EC', crv: 'P-256', x: point, y: point, alg: 'ES256' },
  'X25519': { kty: 'OKP', crv: 'X25519', x: point },
  'for encryption': { ...published(other), use: 'enc', alg: 'RSA-OAEP' },
  'symmetric': { kty: 'oct', k: point, alg: 'HS256', kid: key.kid },
  'a modulus that is no base64': { ...published(other), n: '%%%' },
  'an exponent of 1': { ...published(other), e: 'AQ' },
  'kid a number': { ...published(other), kid: 1 },
};
const sets = {
  'Core 10.1.1: no kid on the key': { keys: [{ ...published(key), kid: undefined }], token: { header: { kid: undefined } } },
  'RFC 7517 4.4: no alg and no use on the key': { keys: [{ ...published(key), alg: undefined, use: undefined }] },
  'RFC 7517 4.3: key_ops verify': { keys: [{ ...published(key), use: undefined, key_ops: ['verify'] }] },
  'Core 10.1: no kid in the token, and three keys': { keys: [other, keyFor('RS256'), key].map(published), token: { header: { kid: undefined } } },
  'RFC 7517 4.5: two keys of the same id': { keys: [{ ...published(other), kid: key.kid }, published(key)] },
};
const unusable = {
  'RFC 7518 3.3, RFC 8725 3.5: an RSA key of 1024 bits': { none: true, keys: [published(short)], token: { key: short } },
  'RFC 7517 4.2: a key for encryption': { none: true, keys: [{ ...published(key), use: 'enc' }] },
  'RFC 7517 4.3: a key that may not verify': { none: true, keys: [{ ...published(key), use: undefined, key_ops: ['sign'] }] },
  'RFC 8725 3.1: a key for another algorithm': { keys: [{ ...published(key), alg: 'RS512' }] },
  'Discovery 3: a key that comes with its private half': { none: true, keys: [key] },
  'Core 10.1: a key of another id': { keys: [{ ...published(key), kid: 'x' }] },
  'Core 10.1: no kid, and the key is the hundredth': { keys: [...Array(99).fill(published(other)), published(key)], token: { header: { kid: undefined } } },
};

const answers = {
  'status 500': [(answer) => void (answer.status = 500), /status 500/],
  'an HTML page': [(answer) => void (answer.body = '<!doctype html>'), /not a key set/],
  'no list': [({ json }) => void (json.keys = {}), /not a key set/],
  'a redirect': [(answer) => Object.assign(answer, { status: 302, headers: { location: `${site.provider.issuer}/me` } }), /^status 302$/],
  'without end': [(answer) => Object.assign(answer, { headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(50_000_000, 0x20), { level: 1 }) }), /too_long/],
};

const ids = Object.fromEntries([...Object.keys({ ...useless, ...sets, ...unusable, ...answers }), 'rotation', 'budget', 'withdrawn', 'crowd'].map((name, rank) => [name, `r${rank}`]));

let site;
let known;
before(async () => {
  const again = Object.values(ids).map((id) => [id, { at: 'demo' }]);
  site = await startSite({ providers: { demo: { start: { keys: [key] } }, ...Object.fromEntries(again) }, gate: { kv: false } });
  known = site.visitor();
  await known.signIn(login('demo'));
});
after(() => site.close());

const login = (id) => `/.auth/login?provider=${id}&return_to=/members/`;
const publishing = (keys) => ({ json }) => void (json.keys = keys);

async function answered(id, tricks) {
  const wire = hostile(site.provider, tricks);
  const visitor = known.withoutSite();
  return { wire, visitor, callback: await visitor.authorize(login(id)) };
}

async function signsIn(id, tricks) {
  const { wire, visitor, callback } = await answered(id, tricks);
  assertSignedIn(visitor, await visitor.open(callback));
  return wire;
}

async function isRefused(id, tricks) {
  const { wire, visitor, callback } = await answered(id, tricks);
  await assertCallbackRefused(site, visitor, callback, { status: 502, code: 'key_unknown' });
  return wire;
}

/** No keys at all: the code is kept for when there are, and to reload the page is to try again. */
async function waitsForKeys(id, tricks, detail) {
  const { wire, visitor, callback } = await answered(id, tricks);
  await assertRefused(site, visitor, await visitor.open(callback), { status: 503, code: 'keys_unavailable', detail });
  assert.equal(wire.to('token').length, 0, 'the code is not spent');
  hostile(site.provider);
  assertSignedIn(visitor, await visitor.open(callback));
  return wire;
}

for (const [what, member] of Object.entries(useless)) {
  test(`RFC 7517 5: a key that cannot be used is skipped: ${what}`, async () => {
    const wire = await signsIn(ids[what], { keys: publishing([member, published(key)]) });
    assert.equal(wire.to('keys').length, 1);
  });
}

for (const [what, { keys, token }] of Object.entries(sets)) {
  test(`${what}: accepted`, async () => {
    await signsIn(ids[what], { keys: publishing(keys), ...withIdToken((old) => reissue(old, { key, ...token })) });
  });
}

for (const [what, { none, keys, token }] of Object.entries(unusable)) {
  test(`${what}: refused`, async () => {
    const tricks = { keys: publishing(keys), ...withIdToken((old) => reissue(old, { key, ...token })) };
    if (none) await waitsForKeys(ids[what], tricks, /no usable key/);
    else await isRefused(ids[what], tricks);
  });
}

for (const [what, [keys, detail]] of Object.entries(answers)) {
  test(`Discovery 4.2: what is no key set: ${what}: the code is kept, and redeemed when there is one`, async () => {
    const wire = await waitsForKeys(ids[what], { keys }, detail);
    assert.equal(wire.to('keys').length, 1);
    assert.equal(wire.to('userinfo').length, 0);
  });
}

test('Core 10.1.1: keys that rotate: the new one is fetched once, and then known', async () => {
  await signsIn(ids.rotation, { keys: publishing([published(key)]) });
  const next = keyFor('RS256');
  const rotated = { keys: publishing([published(key), published(next)]), ...withIdToken((old) => reissue(old, { key: next })) };
  assert.equal((await signsIn(ids.rotation, rotated)).to('keys').length, 1);
  for (let login = 0; login < 3; login += 1) assert.equal((await signsIn(ids.rotation, rotated)).to('keys').length, 0);
});

test('Core 10.1.1: a key that was withdrawn is gone when the keys are fetched for another', async () => {
  await signsIn(ids.withdrawn, { keys: publishing([published(key)]) });
  const next = keyFor('RS256');
  await signsIn(ids.withdrawn, { keys: publishing([published(next)]), ...withIdToken((old) => reissue(old, { key: next })) });
  await isRefused(ids.withdrawn, { keys: publishing([published(next)]) });
});

test('Core 10.1.1: tokens with invented key ids cause a burst of three calls and no more; known keys go on', async () => {
  const made = { ...withIdToken((old) => reissue(old, { key: other, header: { kid: `invented-${Math.random()}` } })) };
  let calls = 0;
  for (let login = 0; login < 8; login += 1) {
    calls += (await isRefused(ids.budget, made)).to('keys').length;
  }
  assert.equal(calls, 3);
  assert.equal((await signsIn(ids.budget, {})).to('keys').length, 0);
  // Another registration has its own budget.
  assert.equal((await isRefused('demo', made)).to('keys').length, 1);
});

test('promise 4: five logins that end at once, and no key known yet: one call, and all are signed in', async () => {
  const wire = hostile(site.provider, { keys: () => new Promise((go) => setTimeout(go, 300)) });
  const visitors = Array.from({ length: 5 }, () => known.withoutSite());
  const callbacks = await Promise.all(visitors.map((visitor) => visitor.authorize(login(ids.crowd))));
  const ends = await Promise.all(visitors.map((visitor, rank) => visitor.open(callbacks[rank])));
  for (const [rank, visitor] of visitors.entries()) assertSignedIn(visitor, ends[rank]);
  assert.equal(wire.to('keys').length, 1);
});

nothingConfidentialIsLogged();
