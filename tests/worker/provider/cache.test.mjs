// Metadata and keys in KV: promises 4, 5 and 8. Each row has a registration of its own: the entry in
// KV is the same for all of them, and each looks for it with an empty memory, like a fresh isolate.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { authentic, Cache, opened } from './support/cache.mjs';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertCallbackRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';
import { keyFor, published, reissue, withIdToken } from './support/token.mjs';

const evil = keyFor('RS256');
let site;
let cache;
let known;
let honest;
let rank = 0;
before(async () => {
  const again = Array.from({ length: 40 }, (_, id) => [`r${id + 1}`, { at: 'demo' }]);
  site = await startSite({ providers: { demo: {}, ...Object.fromEntries(again) } });
  cache = new Cache(site);
  known = site.visitor();
  await known.signIn(login('demo'));
  honest = await cache.entries();
});
after(() => site.close());
beforeEach(async () => {
  await cache.clear();
  hostile(site.provider);
});

const login = (id) => `/.auth/login?provider=${id}&return_to=/members/`;
const documents = (wire) => wire.calls.map(({ document }) => document).filter((document) => document !== 'token');

/** A login in an isolate that knows nothing but what is in KV. */
async function answered(tricks = {}) {
  const wire = hostile(site.provider, tricks);
  const visitor = known.withoutSite();
  rank += 1;
  return { wire, visitor, callback: await visitor.authorize(login(`r${rank}`)) };
}

async function signsIn(tricks) {
  const { wire, visitor, callback } = await answered(tricks);
  assertSignedIn(visitor, await visitor.open(callback));
  return documents(wire);
}

/** What the gate would have kept of `text`, fetched so many seconds ago. */
function kept(kind, { text = opened(honest[kind].value).text, ago = 0, issuer = site.provider.issuer, secret = site.secrets.PORTCULLIS_SECRET, as = kind, path = { metadata: '/.well-known/openid-configuration', keys: '/jwks' }[as] } = {}) {
  const fetched = Math.floor(Date.now() / 1000) - ago;
  return { [kind]: { name: honest[kind].name, value: authentic(secret, as, issuer, `${site.provider.issuer}${path}`, fetched, text) } };
}

const evilKeys = JSON.stringify({ keys: [published(evil)] });

test('KV keeps the two documents of a provider, readable, under a MAC, and nothing of any visitor', async () => {
  await cache.put(honest);
  const before = await cache.entries();
  assert.deepEqual(Object.keys(before).sort(), ['keys', 'metadata']);
  for (const kind of ['metadata', 'keys']) {
    const { tag, fetched, text } = opened(before[kind].value);
    assert.equal(Buffer.from(tag, 'base64url').length, 32);
    assert.ok(Math.abs(fetched - Date.now() / 1000) < 120);
    assert.ok(JSON.parse(text)[kind === 'keys' ? 'keys' : 'issuer']);
  }
  for (let stranger = 0; stranger < 10; stranger += 1) await site.visitor().walk(login('demo'));
  await signsIn();
  assert.deepEqual(await cache.entries(), before, 'promise 4: visitors write nothing');
});

test('what is there is believed: a login in a fresh isolate asks for tokens alone', async () => {
  await cache.put(honest);
  assert.deepEqual(await signsIn(), []);
});

test('the entries that are made up below are what the gate itself makes', async () => {
  for (const kind of ['metadata', 'keys']) {
    const { fetched, text } = opened(honest[kind].value);
    const path = { metadata: '/.well-known/openid-configuration', keys: '/jwks' }[kind];
    assert.equal(authentic(site.secrets.PORTCULLIS_SECRET, kind, site.provider.issuer, `${site.provider.issuer}${path}`, fetched, text), honest[kind].value);
  }
});

test('promise 5: past its freshness a document is served at once, and fetched anew behind', async () => {
  await cache.put({ ...kept('metadata', { ago: 7_200 }), ...kept('keys', { ago: 7_200 }) });
  const { wire, visitor, callback } = await answered({ metadata: () => new Promise((go) => setTimeout(go, 300)), keys: () => new Promise((go) => setTimeout(go, 300)) });
  assertSignedIn(visitor, await visitor.open(callback));
  await until(async () => Object.values(await cache.entries()).every(({ value }) => opened(value).fetched > Date.now() / 1000 - 60));
  assert.deepEqual(documents(wire).sort(), ['keys', 'metadata']);
});

test('promise 5: and served while the provider cannot give it anew', async () => {
  await cache.put({ ...kept('metadata', { ago: 80_000 }), ...kept('keys', { ago: 80_000 }) });
  const down = (answer) => void (answer.status = 503);
  await signsIn({ metadata: down, keys: down });
});

test('but not for ever: what is older than a day past its freshness is not believed', async () => {
  await cache.put({ ...kept('metadata', { ago: 3_600 + 86_400 + 60 }), ...kept('keys', { ago: 3_600 + 86_400 + 60 }) });
  assert.deepEqual(await signsIn(), ['metadata', 'keys']);
});

const tampered = {
  'another letter in the document': (entry) => entry.replace('":"', '":"x'),
  'another letter in the MAC': (entry) => (entry[0] === 'A' ? 'B' : 'A') + entry.slice(1),
  'the document of later': (entry) => entry.replace(/ (\d+) /, (_, fetched) => ` ${Number(fetched) + 1} `),
  'no MAC': (entry) => entry.slice(entry.indexOf(' ')),
  'no MAC and no time': (entry) => opened(entry).text,
  'an empty MAC': (entry) => ` ${opened(entry).fetched} ${opened(entry).text}`,
  'half a MAC': (entry) => entry.slice(20),
  'something behind it': (entry) => `${entry} `,
  'nothing': () => '',
  'rubbish': () => '\u0000\ufffd rubbish \ud83d\ude00 {',
  'a megabyte': () => 'x'.repeat(1_000_000),
};
for (const [what, change] of Object.entries(tampered)) {
  test(`promise 8: ${what}: as if it were not there, and mended`, async () => {
    const broken = Object.values(honest).map(({ name, value }) => ({ name, value: change(value) }));
    await cache.put(broken);
    assert.deepEqual(await signsIn(), ['metadata', 'keys']);
    const mended = await cache.entries();
    for (const kind of ['metadata', 'keys']) assert.equal(opened(mended[kind].value).text, opened(honest[kind].value).text);
  });
}

const forged = {
  'with a MAC under another secret': () => kept('keys', { text: evilKeys, secret: randomBytes(32).toString('base64') }),
  'with the MAC of another issuer': () => kept('keys', { text: evilKeys, issuer: 'http://localhost:1' }),
  'with the MAC of another address': () => kept('keys', { text: evilKeys, path: '/jwks/of-before' }),
  'with the MAC of the honest keys': () => ({ keys: { ...honest.keys, value: honest.keys.value.replace(opened(honest.keys.value).text, evilKeys) } }),
  'with the MAC of another kind of document': () => kept('keys', { text: evilKeys, as: 'metadata' }),
  'with no MAC': () => ({ keys: { ...honest.keys, value: evilKeys } }),
};
for (const [what, entry] of Object.entries(forged)) {
  test(`promise 8: keys of an attacker in KV, ${what}: a token they signed is refused`, async () => {
    await cache.put({ metadata: honest.metadata, ...entry() });
    const { visitor, callback } = await answered(withIdToken((token) => reissue(token, { key: evil })));
    await assertCallbackRefused(site, visitor, callback, { status: 502, code: 'key_unknown' });
  });
}

test('promise 8: the two documents in each other’s place are not believed', async () => {
  await cache.put([{ ...honest.keys, value: honest.metadata.value }, { ...honest.metadata, value: honest.keys.value }]);
  assert.deepEqual(await signsIn(), ['metadata', 'keys']);
});

test('without KV the provider is asked, once per isolate', async () => {
  const bare = await startSite({ gate: { kv: false } });
  try {
    const visitor = bare.visitor();
    const wire = hostile(bare.provider);
    await visitor.signIn('/members/');
    for (let login = 0; login < 3; login += 1) {
      const next = visitor.withoutSite();
      assertSignedIn(next, await next.open(await next.authorize()));
    }
    assert.deepEqual(documents(wire), ['metadata', 'keys']);
  } finally {
    await bare.close();
  }
});

async function until(holds) {
  for (let round = 0; round < 100; round += 1) {
    if (await holds()) return;
    await new Promise((go) => setTimeout(go, 50));
  }
  assert.fail('it did not come to pass');
}

nothingConfidentialIsLogged();
