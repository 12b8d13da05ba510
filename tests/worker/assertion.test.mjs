// The signed assertion for the origin: signed once, checked by what docs/assertion.md tells an origin to do.

import assert from 'node:assert/strict';
import { createECDH, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { after, before, beforeEach, describe, test } from 'node:test';
import * as jose from 'jose';
import { navigation } from './support/exchange.mjs';
import { gateSecrets, LOCAL, startSite } from './support/site.mjs';

const { PORTCULLIS_SECRET: previous } = gateSecrets();
const { PORTCULLIS_SECRET: current } = gateSecrets();

/** The public key that a secret stands for, computed from scratch. */
async function publicKey(secret) {
  const scalar = Buffer.from(hkdfSync('sha256', Buffer.from(secret, 'base64'), 'portcullis', 'portcullis assertion v1', 32));
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(scalar);
  const point = pair.getPublicKey();
  const coordinate = (from) => point.subarray(from, from + 32).toString('base64url');
  const key = { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(33) };
  return { ...key, alg: 'ES256', use: 'sig', kid: await jose.calculateJwkThumbprint(key) };
}

describe('the assertion', { timeout: 30_000 }, () => {
  let site;
  let cookie;
  /** Stands for the address of the site, for a client that looks it up itself. */
  let door;

  before(async () => {
    const secrets = { PORTCULLIS_SECRET: current, PORTCULLIS_SECRET_PREVIOUS: previous };
    site = await startSite({ settings: { assertion: true }, gate: { secrets } });
    ({ cookie } = await site.signIn({ path: '/a' }));
    door = http.createServer(async ({ url }, response) => {
      const answer = await site.send(url);
      response.writeHead(answer.status, answer.lines.flat()).end(answer.bytes);
    });
    await once(door.listen(0, '127.0.0.1'), 'listening');
  });
  after(async () => {
    door?.close();
    await site.stop();
  });
  beforeEach(() => site.arrived());

  const keys = () => jose.createRemoteJWKSet(new URL(`http://127.0.0.1:${door.address().port}/.auth/jwks.json`));

  /** What arrives at the origin in the header, for a request with this cookie. */
  async function assertion(path = '/x', headers = { cookie }) {
    const answer = await site.send(path, { headers });
    assert.equal(answer.status, 200);
    const [arrived] = await site.arrived();
    return arrived.header('x-auth-assertion');
  }

  const expected = { issuer: LOCAL, audience: 'localhost', typ: 'portcullis-assertion+jwt', algorithms: ['ES256'] };

  test('is one and the same for the requests of a session, and another one for another', async () => {
    const all = [];
    for (const path of ['/x', '/x?y', '/admin/x', '/a']) all.push(await assertion(path));
    const { cookie: bobs } = await site.signIn({ user: 'bob', path: '/a' });
    await site.arrived();
    const other = await assertion('/x', { cookie: bobs });
    const ids = [...all, other].map((token) => jose.decodeJwt(token).jti);
    assert.equal(new Set(ids).size, 2);
    assert.equal(new Set(all).size, 1);
    assert.equal(jose.decodeJwt(other).sub, 'bob');
  });

  test('opens with jose and the published keys', async () => {
    const token = await assertion();
    const { payload, protectedHeader } = await jose.jwtVerify(token, keys(), expected);
    const { iat, exp, jti, ...said } = payload;
    assert.deepEqual(said, { iss: LOCAL, aud: 'localhost', sub: 'ada', email: 'ada@example.com', groups: ['admins'], idp: 'demo' });
    assert.equal(exp - iat, 300);
    assert.ok(Math.abs(iat - Date.now() / 1000) < 30);
    assert.equal(Buffer.from(jti, 'base64url').length, 16);
    assert.deepEqual(protectedHeader, { alg: 'ES256', kid: (await publicKey(current)).kid, typ: 'portcullis-assertion+jwt' });
    for (const other of [{ issuer: 'http://localhost:1' }, { audience: 'example.com' }, { typ: 'JWT' }, { algorithms: ['RS256'] }]) {
      await assert.rejects(jose.jwtVerify(token, keys(), { ...expected, ...other }));
    }
    const changed = token.replace(/\.(.)/, (_, letter) => `.${letter === 'e' ? 'f' : 'e'}`);
    await assert.rejects(jose.jwtVerify(changed, keys(), expected));
  });

  test('opens with the lines that docs/assertion.md shows', async () => {
    const paper = readFileSync(new URL('../../docs/assertion.md', import.meta.url), 'utf8');
    const [, code] = /```js\n([\s\S]*?)```/.exec(paper);
    const [, ...lines] = code.trim().split('\n');
    assert.equal(lines.length, 2);
    // The site of the paper is the site of this test, and where it listens is nobody's business.
    const here = lines
      .join('\n')
      .replace('https://docs.example.com/.auth', `http://127.0.0.1:${door.address().port}/.auth`)
      .replaceAll('https://docs.example.com', LOCAL)
      .replaceAll('docs.example.com', 'localhost');
    const AsyncFunction = (async () => {}).constructor;
    const run = new AsyncFunction('assertion', 'createRemoteJWKSet', 'jwtVerify', `${here}\nreturn payload;`);
    assert.equal((await run(await assertion(), jose.createRemoteJWKSet, jose.jwtVerify)).sub, 'ada');
    const forged = await new jose.SignJWT({ sub: 'ada' })
      .setProtectedHeader({ alg: 'ES256', typ: expected.typ, kid: (await publicKey(current)).kid })
      .setIssuer(LOCAL)
      .setAudience('localhost')
      .setExpirationTime('5m')
      .sign((await jose.generateKeyPair('ES256')).privateKey);
    await assert.rejects(run(forged, jose.createRemoteJWKSet, jose.jwtVerify));
  });

  test('/.auth/jwks.json has the public keys of both secrets, for anybody and for five minutes', async () => {
    for (const headers of [{}, { cookie }, navigation]) {
      const answer = await site.send('/.auth/jwks.json', { headers });
      assert.deepEqual(
        [answer.status, answer.header('content-type'), answer.header('cache-control')],
        [200, 'application/jwk-set+json', 'public, max-age=300'],
      );
      assert.deepEqual(answer.json(), { keys: [await publicKey(current), await publicKey(previous)] });
    }
    const head = await site.send('/.auth/jwks.json', { method: 'HEAD' });
    assert.deepEqual([head.status, head.body], [200, '']);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const answer = await site.send('/.auth/jwks.json', { method, headers: { cookie, origin: LOCAL } });
      assert.deepEqual([answer.status, answer.header('allow')], [405, 'GET, HEAD']);
    }
    assert.deepEqual(await site.arrived(), []);
  });

  test("is the gate's own: a client's does not arrive, and on a public path there is none", async () => {
    const forged = [['x-auth-assertion', 'forged'], ['X_Auth_Assertion', 'forged'], ['cookie', cookie]];
    assert.equal(jose.decodeJwt(await assertion('/x', forged)).sub, 'ada');
    assert.equal(await assertion('/public/x', forged), undefined);
  });

  test('goes along with a change', async () => {
    const answer = await site.send('/x', { method: 'POST', headers: { cookie, origin: LOCAL }, body: 'a=b' });
    assert.equal(answer.status, 200);
    const [arrived] = await site.arrived();
    assert.deepEqual([arrived.body, jose.decodeJwt(arrived.header('x-auth-assertion')).sub], ['a=b', 'ada']);
  });
});

describe('the first request of a session at an isolate', { timeout: 30_000 }, () => {
  const secrets = { PORTCULLIS_SECRET: current };
  let off;
  let site;
  let cookie;

  // The same provider, so that a session made at the one counts at the other.
  before(async () => {
    off = await startSite({ gate: { secrets } });
    const { issuer, clientId } = off.provider;
    const providers = [{ id: 'demo', title: 'Demo provider', issuer, client_id: clientId }];
    site = await startSite({ settings: { assertion: true, providers }, gate: { secrets } });
    ({ cookie } = await off.signIn({ path: '/a' }));
  });
  after(() => Promise.all([off.stop(), site?.stop()]));

  test('may be a change: its body arrives whole, with an assertion', async () => {
    const body = 'x'.repeat(900);
    const answer = await site.send('/x', { method: 'POST', headers: { cookie, origin: LOCAL }, body });
    assert.equal(answer.status, 200);
    const [arrived] = await site.arrived();
    assert.deepEqual([arrived.body, jose.decodeJwt(arrived.header('x-auth-assertion')).sub], [body, 'ada']);
  });

  test('has no assertion where none is asked for, and no key is published', async () => {
    await off.arrived();
    await off.send('/x', { headers: { cookie } });
    const [arrived] = await off.arrived();
    assert.deepEqual([arrived.header('x-auth-subject'), arrived.header('x-auth-assertion')], ['ada', undefined]);
    for (const method of ['GET', 'HEAD', 'POST']) assert.equal((await off.send('/.auth/jwks.json', { method })).status, 404);
  });
});
