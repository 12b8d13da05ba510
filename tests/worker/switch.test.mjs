// The run-time switch in workerd: when the gate reads KV, when a change is in force, what is not believed.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, beforeEach, describe, test } from 'node:test';
import { KEY, open, seal, switchKey } from '../../scripts/switch/entry.mjs';
import { navigation } from './support/exchange.mjs';
import { gateSecrets, rules, startSite } from './support/site.mjs';

const secrets = { ...gateSecrets(), PORTCULLIS_DEMO_CLIENT_SECRET: 'the secret of every gate here' };
const key = switchKey(Buffer.from(secrets.PORTCULLIS_SECRET, 'base64'));

const settings = {
  switch: true,
  rules: rules.map((rule) => ({ ...rule, id: rule.path.split('/')[1] })),
};

describe('the run-time switch', { timeout: 30_000 }, () => {
  let site;
  let kv;
  let cookie;
  let written = Date.now();

  before(async () => {
    site = await startSite({
      counting: true,
      clock: true,
      settings,
      provider: { clientSecret: secrets.PORTCULLIS_DEMO_CLIENT_SECRET },
      gate: { secrets },
    });
    kv = await site.countedKv();
    ({ cookie } = await site.signIn({ path: '/a', user: 'bob' }));
  });
  after(() => site.stop());

  // Every test begins with nothing switched, which the gate knows.
  beforeEach(async () => {
    await put([]);
    await get('/public/x', { 'test-clock': '61' });
    await site.arrived();
    await site.kvCalls();
    site.gate.logs.splice(0);
  });

  const put = (switches) => kv.put(KEY, seal(key, { written: (written += 1), hosts: ['localhost'], switches }));
  const soon = () => Math.floor(Date.now() / 1_000) + 20 * 86_400;
  const get = (path, headers) => site.send(path, { headers });
  const status = async (path, headers) => (await get(path, headers)).status;
  const reads = async () => (await site.kvCalls()).map(({ call, key }) => `${call} ${key}`);

  test('a signed-in request reads nothing, but for a look behind the answer every thirty seconds', async () => {
    for (let second = 1; second <= 95; second += 1) {
      assert.equal(await status('/a', { cookie, 'test-clock': '1' }), 200);
      assert.equal(await status('/public/x'), 200);
    }
    assert.deepEqual(await reads(), Array(3).fill(`get ${KEY}`));
    assert.equal((await site.arrived()).length, 2 * 95);
  });

  test('a change is in force after the next look', async () => {
    await put([{ rule: 'admin', sso: 'off', until: soon() }, { rule: 'public', sso: 'on' }]);
    assert.deepEqual([await status('/admin/x', { cookie }), await status('/public/x')], [403, 200]);
    // This request finds the look due, and does not wait for it.
    assert.equal(await status('/public/x', { 'test-clock': '31' }), 200);
    await site.gate.logs.until(({ record }) => record?.rule === 'public');
    assert.deepEqual([await status('/admin/x', { cookie }), await status('/admin/x'), await status('/public/x')], [200, 200, 401]);
    assert.equal(await status('/public/x', { cookie }), 200);
    const arrived = await site.arrived();
    assert.deepEqual(arrived.slice(-3).map((request) => request.header('x-auth-subject')), [undefined, undefined, 'bob']);
    const [off, on] = site.gate.logs.withCode('switch_applied');
    assert.deepEqual([off.event, off.rule, off.switch, off.until.length], ['switch', 'admin', 'off', 10]);
    assert.deepEqual([on.rule, on.switch, on.until], ['public', 'on', undefined]);
    await put([]);
    assert.equal(await status('/admin/x', { 'test-clock': '61' }), 401);
    assert.equal((await site.gate.logs.withCode('switch_ended')).length, 2);
  });

  test('optional: who is signed in is known, who is not passes', async () => {
    await put([{ rule: 'admin', sso: 'optional', until: soon() }]);
    await get('/a', { 'test-clock': '61' });
    for (const [headers, subject] of [
      [{}, undefined],
      [{ cookie }, 'bob'],
    ]) {
      const answer = await get('/admin/x', headers);
      assert.deepEqual([answer.status, answer.header('cache-control')?.startsWith('private')], [200, true]);
      assert.equal((await site.arrived()).at(-1).header('x-auth-subject'), subject);
    }
  });

  test('the first request after a quiet minute waits for the look, and a lock-down closes everything', async () => {
    await put([{ lockdown: true }]);
    for (const [path, expected] of [
      ['/public/x', 503],
      ['/a', 503],
      ['/.auth/login', 503],
      ['/.auth/me', 503],
      ['/.auth/health', 200],
      ['/.auth/logout', 200],
    ]) {
      const answer = await get(path, { cookie, ...navigation, 'test-clock': path === '/public/x' ? '61' : '0' });
      assert.equal(answer.status, expected, path);
      if (expected === 503) {
        assert.deepEqual([answer.header('retry-after'), answer.header('cache-control')], ['300', 'no-store']);
        assert.ok(answer.body.includes('Closed for now'), path);
      }
    }
    assert.equal((await get('/public/x')).json().code, 'locked_down');
    assert.deepEqual(await site.arrived(), []);
    assert.deepEqual(await reads(), [`get ${KEY}`]);
    await site.gate.logs.until(({ record }) => record?.switch === 'lockdown');
    assert.equal(site.gate.logs.filter(({ record }) => record).length, 1, 'a line for the change, none for the requests');
  });

  test('who can write KV ends no lock-down and opens nothing', async () => {
    await put([{ lockdown: true }]);
    assert.equal(await status('/public/x', { 'test-clock': '61' }), 503);
    const good = await kv.get(KEY);
    const text = good.slice(good.indexOf(' ') + 1);
    const opening = text.replace('{"lockdown":true}', `{"rule":"admin","sso":"off","until":${soon()}}`);
    const another = switchKey(Buffer.alloc(32, 7));
    for (const [entry, code] of [
      [undefined, 'switch_gone'],
      [good.replace(text, opening), 'switch_refused'],
      [opening, 'switch_refused'],
      [seal(another, { written: written + 1, hosts: ['localhost'], switches: [] }), 'switch_refused'],
      [seal(key, { written: written + 1, hosts: ['elsewhere.example'], switches: [] }), 'switch_refused'],
      [seal(key, { written: written - 1, hosts: ['localhost'], switches: [] }), 'switch_older'],
      ['', 'switch_refused'],
      ['\u{0}\u{ffff}', 'switch_refused'],
    ]) {
      await (entry === undefined ? kv.delete(KEY) : kv.put(KEY, entry));
      assert.deepEqual([await status('/public/x', { 'test-clock': '61' }), await status('/admin/x')], [503, 503], entry);
      const { record, level } = await site.gate.logs.until((line) => line.record?.code === code);
      assert.deepEqual([record.event, level], ['switch_trouble', 'warn']);
      await kv.put(KEY, good);
      await get('/public/x', { 'test-clock': '61' });
      site.gate.logs.splice(0);
    }
    assert.deepEqual(await site.arrived(), []);
  });

  test('an entry of the command is an entry of the gate', async () => {
    const vectors = JSON.parse(await readFile(new URL('../vectors/switch.json', import.meta.url), 'utf8'));
    const derived = switchKey(Buffer.from(vectors.secret, 'base64'));
    assert.equal(derived.toString('base64'), vectors.key);
    for (const { entry, written, switches } of vectors.entries) {
      assert.equal(seal(derived, { written, hosts: vectors.hosts, switches }), entry);
      assert.deepEqual(open([derived], entry), { version: 1, written, hosts: vectors.hosts, switches });
      assert.equal(open([switchKey(Buffer.alloc(32, 1))], entry), undefined);
    }
  });
});

describe('without the setting', { timeout: 20_000 }, () => {
  test('nothing is read, and an entry counts for nothing', async () => {
    const site = await startSite({ counting: true, clock: true, settings: { ...settings, switch: false }, gate: { secrets } });
    try {
      const kv = await site.countedKv();
      await kv.put(KEY, seal(key, { written: Date.now(), hosts: ['localhost'], switches: [{ lockdown: true }] }));
      for (let minute = 0; minute < 3; minute += 1) {
        assert.equal((await site.send('/public/x', { headers: { 'test-clock': '61' } })).status, 200);
      }
      assert.deepEqual(await site.kvCalls(), []);
    } finally {
      await site.stop();
    }
  });
});
