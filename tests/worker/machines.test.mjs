// Machines: access tokens of a real issuer, and service tokens as `npm run token` makes them. Where a rule
// takes them they stay here; everywhere else `Authorization` is the origin's.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { root } from '../../scripts/setup.mjs';
import { makeToken } from '../../scripts/token.mjs';
import { navigation } from './support/exchange.mjs';
import { startSite } from './support/site.mjs';

const AUDIENCE = 'https://docs.example.com';
const PUNCTUATION = "!#$%&'*+-.^_`|~";
const SPELLINGS = [
  'Portcullis-Token',
  'PORTCULLIS-TOKEN',
  'portcullis-token',
  ...[...PUNCTUATION].map((mark) => `portcullis${mark}token`),
];

const rules = [
  { path: '/public/**', sso: false },
  { path: '/api/**', tokens: ['api', 'ci'] },
  { path: '/seen/**', tokens: ['api', 'ci'], forward_token: true },
  { path: '/jobs/**', tokens: ['ci'] },
  { path: '/deploy/**', tokens: ['api', 'ci'], allow: [{ group: 'deployers' }] },
];

/** Access tokens as RFC 9068 has them, for whoever asks with the client's secret. */
const configuration = {
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: 'deployers readers',
        audience: AUDIENCE,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
};
const ttl = { ClientCredentials: 600, Session: 600, Grant: 600, Interaction: 600, AuthorizationCode: 60, IdToken: 600, AccessToken: 600 };
const client = { grant_types: ['authorization_code', 'client_credentials'], scope: 'openid email profile groups deployers readers' };

for (const origin of ['service', 'zone', 'address']) {
  describe(`machines, with ${origin} as the origin`, { timeout: 30_000 }, () => {
    const service = makeToken('ci');
    let site;
    let token;
    let cookie;

    before(async () => {
      const provider = { configuration: { ...configuration, ttl, scopes: ['openid', 'email', 'profile', 'groups', 'deployers', 'readers'] }, client };
      site = await startSite({
        origin,
        provider,
        settings: (issuer) => ({
          rules,
          tokens: [
            { id: 'api', issuer, audiences: [AUDIENCE], groups_claim: 'scope' },
            { id: 'ci', hash: service.hash, expires: '2099-01-01', name: 'Build' },
          ],
        }),
      });
      token = await accessToken(site.provider, 'readers');
      ({ cookie } = await site.signIn({ path: '/a' }));
    });
    after(() => site.stop());
    beforeEach(async () => {
      await site.arrived();
      if (origin !== 'address') await site.fetched();
    });

    const show = (path, value, more = {}) => site.send(path, { headers: { ...(value && { authorization: value }), ...more } });

    test('an access token opens what names its issuer, and stays here', async () => {
      const answer = await show('/api/x?a=b', `Bearer ${token}`);
      assert.equal(answer.status, 200, answer.body);
      assert.match(answer.header('cache-control'), /^private/);
      const [arrived] = await site.arrived();
      assert.match(arrived.url, /\/api\/x\?a=b$/);
      assert.equal(arrived.header('authorization'), undefined);
      assert.equal(arrived.header('x-auth-subject'), site.provider.clientId);
      assert.equal(arrived.header('x-auth-provider'), 'api');
      assert.equal(arrived.header('x-auth-email'), undefined);
    });

    test('the second time it takes no call', async () => {
      await show('/api/x', `Bearer ${token}`);
      const provider = site.provider.server;
      let calls = 0;
      const count = () => void (calls += 1);
      provider.on('request', count);
      for (let time = 0; time < 5; time += 1) assert.equal((await show('/api/x', `Bearer ${token}`)).status, 200);
      provider.off('request', count);
      assert.equal(calls, 0);
    });

    test('policies are judged on its claims', async () => {
      const refused = await show('/deploy/x', `Bearer ${token}`);
      assert.equal(refused.status, 403);
      assert.equal(refused.json().code, 'token_not_allowed');
      assert.match(refused.header('www-authenticate'), /^Bearer realm="localhost", error="insufficient_scope"$/);
      assert.equal((await site.arrived()).length, 0);
      const deployer = await accessToken(site.provider, 'deployers readers');
      assert.equal((await show('/deploy/x', `Bearer ${deployer}`)).status, 200);
      const [arrived] = await site.arrived();
      assert.equal(arrived.header('x-auth-groups'), 'deployers');
    });

    test('a rule may forward it', async () => {
      assert.equal((await show('/seen/x', `Bearer ${token}`)).status, 200);
      const [arrived] = await site.arrived();
      assert.equal(arrived.header('authorization'), `Bearer ${token}`);
      assert.equal(arrived.header('x-auth-provider'), 'api');
    });

    test('a POST with a body streams through', async () => {
      const answer = await site.send('/api/x', { method: 'POST', body: 'a body', headers: { authorization: `Bearer ${token}`, origin: 'https://evil.example' } });
      assert.equal(answer.status, 200);
      const [arrived] = await site.arrived();
      assert.equal(arrived.method, 'POST');
      if (origin !== 'address') assert.equal(arrived.body, 'a body');
    });

    const forgeries = {
      'no token by its form': () => 'nonsense',
      'another signature': ([header, payload, signature]) => `${header}.${payload}.${signature.replace(/^./, (letter) => (letter === 'A' ? 'B' : 'A'))}`,
      'another subject': ([header, payload, signature]) => `${header}.${changed(payload, { sub: 'root' })}.${signature}`,
      'no algorithm': ([header, payload]) => `${changed(header, { alg: 'none' })}.${payload}.`,
      'another type': ([header, payload, signature]) => `${changed(header, { typ: 'JWT' })}.${payload}.${signature}`,
      'another time': ([header, payload, signature]) => `${header}.${changed(payload, { exp: 4102444800 })}.${signature}`,
    };
    for (const [what, forge] of Object.entries(forgeries)) {
      test(`a bad token is a 401 without redirect, also beside a cookie and in a tab: ${what}`, async () => {
        const forged = forge(token.split('.'));
        for (const more of [{}, { cookie }, { ...navigation, cookie }]) {
          const answer = await show('/api/x', `Bearer ${forged}`, more);
          assert.equal(answer.status, 401);
          assert.equal(answer.json().code, 'token_invalid');
          assert.equal(answer.header('content-type'), 'application/problem+json');
          assert.equal(answer.header('www-authenticate'), 'Bearer realm="localhost", error="invalid_token"');
          assert.equal(answer.header('cache-control'), 'no-store');
          assert.deepEqual([answer.header('location'), answer.header('set-cookie')], [undefined, undefined]);
          assert.ok(!answer.body.includes(forged));
        }
        assert.equal((await site.arrived()).length, 0);
      });
    }

    test('two tokens are a 400', async () => {
      for (const headers of [
        [['Authorization', `Bearer ${token}`], ['Authorization', `Bearer ${token}`]],
        [['Authorization', 'Basic Zm9v'], ['Authorization', `Bearer ${token}`]],
        [['Authorization', `Bearer ${token}`], ['Portcullis-Token', service.token]],
        [['Portcullis-Token', service.token], ['portcullis-token', service.token]],
        [['Authorization', `Bearer ${token} x`]],
      ]) {
        const answer = await site.send('/api/x', { headers });
        assert.deepEqual([answer.status, answer.json().code], [400, 'token_malformed']);
      }
      assert.equal((await site.arrived()).length, 0);
    });

    test('where no rule names it, Authorization passes untouched', async () => {
      for (const value of ['Bearer for-the-origin', `Bearer ${token}`, 'Basic Zm9vOmJhcg==', 'nonsense']) {
        for (const path of ['/public/x', '/a', '/jobs/x']) {
          assert.equal((await show(path, value, { cookie })).status, 200, path);
          const [arrived] = await site.arrived();
          assert.equal(arrived.header('authorization'), value, path);
        }
        // Alone it opens nothing there.
        for (const path of ['/a', '/jobs/x', '/.auth/me']) assert.equal((await show(path, value)).status, 401, path);
      }
      assert.equal((await show('/api/x', 'Basic Zm9v', { cookie })).status, 200);
      const [arrived] = await site.arrived();
      assert.equal(arrived.header('authorization'), 'Basic Zm9v');
      assert.equal(arrived.header('x-auth-subject'), 'ada');
    });

    test('a service token opens what names it', async () => {
      for (const path of ['/api/x', '/jobs/x', '/seen/x']) {
        const answer = await show(path, undefined, { 'portcullis-token': service.token });
        assert.equal(answer.status, 200, answer.body);
        assert.match(answer.header('cache-control'), /^private/);
        const [arrived] = await site.arrived();
        assert.equal(arrived.header('x-auth-subject'), 'ci');
        assert.equal(arrived.header('x-auth-name'), 'Build');
        assert.ok(!arrived.names.includes('portcullis-token'));
      }
      const answer = await show('/jobs/x', undefined, { cookie, 'portcullis-token': `${service.token.slice(0, -1)}!` });
      assert.equal(answer.status, 400);
      const other = await show('/jobs/x', undefined, { cookie, 'portcullis-token': makeToken('ci').token });
      assert.deepEqual([other.status, other.json().code], [401, 'token_invalid']);
      assert.equal(other.header('www-authenticate'), 'Portcullis-Token realm="localhost", error="invalid_token"');
      assert.equal((await site.arrived()).length, 0);
    });

    test('no origin ever sees it, in any spelling', async () => {
      const headers = SPELLINGS.filter((name) => name.toLowerCase() !== 'portcullis-token').map((name) => [name, service.token]);
      for (const [path, more] of [['/public/x', []], ['/a', [['Cookie', cookie]]], ['/api/x', [['Portcullis-Token', service.token]]], ['/api/x', [['Authorization', `Bearer ${token}`]]]]) {
        const answer = await site.send(path, { headers: [...headers, ...more] });
        assert.equal(answer.status, 200, path);
        const [arrived] = await site.arrived();
        assert.deepEqual(arrived.headers.filter(([, value]) => value.includes(service.token)), [], path);
      }
      await site.send('/public/x', { headers: SPELLINGS.map((name) => [name, service.token]) });
      const [arrived] = await site.arrived();
      assert.deepEqual(arrived.headers.filter(([, value]) => value.includes(service.token)), []);
    });

    test('no line of the log holds a token', () => {
      const log = site.gate.logs.map((entry) => entry.message).join('\n');
      for (const part of [service.token.split('.')[1], ...token.split('.')]) assert.ok(!log.includes(part), log);
      assert.ok(site.gate.logs.withCode('token_invalid').length > 0);
    });
  });
}

test('npm run token prints a token once, and the hash for the settings', () => {
  const run = (...args) => execFileSync(process.execPath, [join(root, 'scripts/token.mjs'), ...args], { encoding: 'utf8', stdio: 'pipe' });
  const printed = run('ci', '2098-12-31');
  const [token] = /\bci\.[\w-]{43}\b/.exec(printed);
  assert.equal(printed.split(token).length, 2);
  assert.match(printed, /hash = "[0-9a-f]{64}"\n {2}expires = "2098-12-31"/);
  assert.match(run('ci'), /expires = "\d{4}-\d{2}-\d{2}"/);
  for (const wrong of [[], ['CI'], ['a b'], ['ci', '2020-01-01'], ['ci', '2098-02-30'], ['ci', 'soon']]) {
    assert.throws(() => run(...wrong), /Command failed/, `${wrong}`);
  }
});

/** A token of the client's own (RFC 6749, 4.4), for the site (RFC 8707). */
async function accessToken({ issuer, clientId, clientSecret }, scope) {
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: AUDIENCE, scope }),
  });
  const body = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(body));
  return body.access_token;
}

function changed(part, members) {
  const json = { ...JSON.parse(Buffer.from(part, 'base64url')), ...members };
  return Buffer.from(JSON.stringify(json)).toString('base64url');
}
