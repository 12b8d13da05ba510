// Rules in the real runtime: what the platform says of a request, and what arrives at the origin.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { answering } from './support/origin.mjs';
import { LOCAL, startSite } from './support/site.mjs';

const APP = 'https://app.example.com';

const rules = [
  { id: 'watch', path: '/watched/**', mode: 'report', allow: [{ group: 'nobody' }] },
  { path: '/public/**', sso: false },
  { path: '/optional/**', sso: 'optional' },
  { path: '/from/ch', require: [{ country: 'CH' }] },
  { path: '/from/not-ch', deny: [{ country: ['CH', 'LI'] }] },
  { path: '/from/office', require: [{ ip: ['192.0.2.0/24', '2001:db8::/32'] }] },
  { path: '/api/**', methods: ['GET'], sso: false },
  { path: '/api/**', methods: ['POST'], preflight: true, origins: [APP] },
  { path: '/staff/**', allow: [{ all: [{ email_domain: 'example.com' }, { group: 'staff' }] }], deny: [{ email: 'bob@example.com' }] },
];

describe('a rule', { timeout: 30_000 }, () => {
  let site;
  let ada;
  let bob;

  before(async () => {
    site = await startSite({ settings: { rules } });
    ({ cookie: ada } = await site.signIn({ path: '/a' }));
    ({ cookie: bob } = await site.signIn({ path: '/a', user: 'bob' }));
  });
  after(() => site.stop());
  beforeEach(() => site.arrived());

  /** By way of the platform's entry, which attaches what it knows of a request. */
  async function from(cf, path, headers = {}) {
    const answer = await site.gate.mf.dispatchFetch(`${LOCAL}${path}`, { headers: { cookie: ada, ...headers }, cf, redirect: 'manual' });
    await answer.arrayBuffer();
    return answer.status;
  }

  test('by country: as the platform says, whatever a header claims', async () => {
    assert.equal(await from({ country: 'CH' }, '/from/ch'), 200);
    assert.equal(await from({ country: 'DE' }, '/from/ch'), 403);
    assert.equal(await from({ country: 'DE' }, '/from/ch', { 'cf-ipcountry': 'CH' }), 403);
    assert.equal(await from({ country: 'DE' }, '/from/not-ch'), 200);
    assert.equal(await from({ country: 'LI' }, '/from/not-ch'), 403);
    for (const country of [undefined, null, 7, '', 'ch', ['CH']]) assert.equal(await from({ country }, '/from/ch'), 403, `${country}`);
    // Nobody knows where from: that admits nobody, also where only a country is kept out.
    assert.equal((await site.send('/from/not-ch', { headers: { cookie: ada } })).status, 403);
  });

  test('by address: the one that the platform saw', async () => {
    const status = async (headers) => (await site.send('/from/office', { headers: { cookie: ada, ...headers } })).status;
    assert.equal(await status({ 'cf-connecting-ip': '192.0.2.77' }), 200);
    assert.equal(await status({ 'cf-connecting-ip': '2001:db8:1::1' }), 200);
    assert.equal(await status({ 'cf-connecting-ip': '198.51.100.1' }), 403);
    assert.equal(await status({ 'x-forwarded-for': '192.0.2.77' }), 403);
    assert.equal(await status({}), 403);
  });

  test('optional: the origin learns who it is, or nothing', async () => {
    const spoofed = { 'X-Auth-Subject': 'mallory', x_auth_email: 'mallory@example.com' };
    for (const [cookie, subject] of [[ada, 'ada'], [undefined, undefined], ['portcullis=broken', undefined]]) {
      const answer = await site.send('/optional/x', { headers: { ...(cookie && { cookie }), ...spoofed } });
      assert.equal(answer.status, 200);
      assert.match(answer.header('cache-control'), /private/);
      const [{ headers }] = await site.arrived();
      const seen = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
      assert.equal(seen['x-auth-subject'], subject);
      assert.ok(!JSON.stringify(headers).includes('mallory'), JSON.stringify(headers));
      assert.ok(!seen.cookie?.includes('portcullis'), seen.cookie);
    }
  });

  test('a public page keeps what its origin says of caches', async () => {
    const answer = await site.send('/public/x', { headers: { cookie: ada } });
    assert.doesNotMatch(answer.header('cache-control') ?? '', /private/);
  });

  test('by method: the others fall to the next rule, and no header overrides it', async () => {
    assert.equal((await site.send('/api/x')).status, 200);
    assert.equal((await site.send('/api/x', { method: 'HEAD' })).status, 200);
    for (const method of ['POST', 'PUT', 'DELETE', 'PROPFIND']) assert.equal((await site.send('/api/x', { method })).status, 401, method);
    await site.arrived();
    for (const name of ['X-HTTP-Method-Override', 'x-http-method', 'X-Method-Override']) {
      const answer = await site.send('/api/x', { headers: { [name]: 'DELETE' } });
      assert.deepEqual([answer.status, answer.json().code], [400, 'method_doubtful'], name);
    }
    assert.deepEqual(await site.arrived(), []);
  });

  test('a preflight passes without identity; the 401 behind it can be read', async () => {
    const asks = { origin: APP, 'access-control-request-method': 'POST' };
    assert.equal((await site.send('/api/x', { method: 'OPTIONS', headers: { ...asks, cookie: ada, 'X-Auth-Subject': 'mallory' } })).status, 200);
    const [{ headers }] = await site.arrived();
    assert.ok(!headers.some(([name]) => name.toLowerCase().startsWith('x-auth-')), JSON.stringify(headers));
    const refused = await site.send('/api/x', { method: 'POST', headers: { origin: APP }, body: 'x' });
    assert.equal(refused.status, 401);
    assert.equal(refused.header('access-control-allow-origin'), APP);
    assert.equal(refused.header('access-control-allow-credentials'), 'true');
    const foreign = await site.send('/api/x', { method: 'POST', headers: { origin: 'https://evil.example' }, body: 'x' });
    assert.equal(foreign.header('access-control-allow-origin'), undefined);
    assert.equal((await site.send('/api/x', { method: 'POST', headers: { origin: APP, cookie: ada }, body: 'x' })).status, 200);
  });

  test('all of several things, and nobody whom deny names', async () => {
    assert.equal((await site.send('/staff/x', { headers: { cookie: ada } })).status, 200);
    const refused = await site.send('/staff/x', { headers: { cookie: bob } });
    assert.deepEqual([refused.status, refused.json().code], [403, 'not_allowed']);
    const [entry] = [await site.gate.logs.until(({ record }) => record?.code === 'not_allowed' && record.path.startsWith('/staff'))];
    const { provider, subject, rule, by } = entry.record;
    assert.deepEqual([provider, subject, rule, by], ['demo', 'bob', 'rules[8] /staff/**', 'deny[0]']);
  });

  test('that only watches is logged, and decides nothing', async () => {
    assert.equal((await site.send('/watched/x', { headers: { cookie: ada } })).status, 200);
    const { record } = await site.gate.logs.until(({ record: line }) => line?.code === 'would_deny');
    assert.deepEqual([record.event, record.rule, record.provider, record.subject, record.by], ['report', 'watch', 'demo', 'ada', 'allow']);
    assert.equal((await site.send('/watched/x')).status, 401);
  });

  // As docs/codes.md says of both ids.
  test('that only watches is logged for a request that fails at the origin, which has an id of its own', async () => {
    const answer = await site.send('/watched/y', { headers: { cookie: ada, ...answering({ fail: true }) } });
    const line = async (code) => (await site.gate.logs.until(({ record }) => record?.code === code && record.path === '/watched/y')).record;
    const [report, trouble] = [await line('would_deny'), await line('origin_unreachable')];
    assert.ok(answer.body.includes(`request ${trouble.request}\n`));
    assert.notEqual(report.request, trouble.request);
  });
});
