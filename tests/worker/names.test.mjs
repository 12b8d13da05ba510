// Under which names the origin learns who is there, and the secret that it knows the gate by.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { answering, startServer } from './support/origin.mjs';
import { LOCAL, startSite } from './support/site.mjs';

const SECRET = 'b3JpZ2luIHNlY3JldCBvZiB0aGUgdGVzdHM';

const families = [
  [
    { preset: 'x-forwarded' },
    { 'x-forwarded-user': 'ada', 'x-forwarded-email': 'ada@example.com', 'x-forwarded-groups': 'admins' },
    ['X-Forwarded-Preferred-Username', 'x_forwarded_access_token'],
    ['Remote-User', 'X-Forwarded-For', 'X-Forwarded-Ssl'],
  ],
  [
    { preset: 'remote', email: 'X-WEBAUTH-EMAIL', subject: false },
    { 'x-webauth-email': 'ada@example.com', 'remote-name': 'Ada Lindqvist', 'remote-groups': 'admins' },
    ['Remote-User', 'REMOTE_USER', 'Remote-Email', 'x_webauth.email', 'X-WEBAUTH-USER', 'X-WEBAUTH-ROLE', 'x_webauth_groups'],
    ['X-Forwarded-User', 'X-WEBAUTH-PAGE'],
  ],
  [
    { subject: 'X-Remote-User', groups: false, email: false, name: false, provider: false },
    { 'x-remote-user': 'ada' },
    ['X-Remote-Group', 'x_remote_group'],
    ['Remote-User', 'X-Remote-Addr'],
  ],
];
for (const [headers, expected, forged, kept] of families) {
  describe(`with headers = ${JSON.stringify(headers)}`, { timeout: 20_000 }, () => {
    let site;
    let cookie;

    before(async () => {
      site = await startSite({ settings: { headers } });
      ({ cookie } = await site.signIn({ path: '/a' }));
    });
    after(() => site.stop());
    beforeEach(() => site.arrived());

    for (const [path, ours] of [
      ['/x', expected],
      ['/public/x', {}],
    ]) {
      test(`${path}: those names are the gate's own, and the X-Auth ones nobody's`, async () => {
        const names = [...Object.keys(expected), ...forged, 'X-Auth-Email', 'x_auth_subject', 'X-AUTH-ASSERTION'];
        const pairs = names.flatMap((name) => [name, name.toUpperCase().replaceAll('-', '_')]).map((name) => [name, 'forged']);
        await site.send(path, { headers: [...pairs, ...kept.map((name) => [name, 'kept']), ['Cookie', cookie]] });
        const [arrived] = await site.arrived();
        assert.ok(!arrived.headers.some(([, value]) => value.includes('forged')), JSON.stringify(arrived.headers));
        const family = /^(?:x-auth|x-webauth|x-remote|remote-|x-forwarded-(?:user|email|groups|pref|acc))/;
        const found = arrived.headers.filter(([name, value]) => family.test(name.toLowerCase()) && value !== 'kept');
        assert.deepEqual(Object.fromEntries(found.map(([name, value]) => [name.toLowerCase(), value])), ours);
        for (const name of kept) assert.equal(arrived.header(name.toLowerCase()), 'kept', name);
      });
    }
  });
}

for (const [origin, secretHeader, name] of [
  ['address', true, 'x-origin-secret'],
  ['zone', 'X-From-Gate', 'x-from-gate'],
]) {
  describe(`the origin's secret, with ${origin} as the origin`, { timeout: 20_000 }, () => {
    let elsewhere;
    let site;
    let cookie;

    before(async () => {
      elsewhere = await startServer();
      site = await startSite({ origin, secretHeader, gate: { secrets: { PORTCULLIS_ORIGIN_SECRET: SECRET } } });
      ({ cookie } = await site.signIn({ path: '/a' }));
    });
    after(() => Promise.all([site.stop(), elsewhere.stop()]));
    beforeEach(() => site.arrived());

    const secrets = (arrived) => arrived.headers.filter(([, value]) => value === SECRET).map(([header]) => header.toLowerCase());

    test('comes with every request, and a client has no say in it', async () => {
      for (const [path, headers] of [
        ['/public/x', {}],
        ['/x', { cookie }],
      ]) {
        const forged = [name, name.toUpperCase().replaceAll('-', '_'), name.replaceAll('-', '.')].map((each) => [each, 'forged']);
        const answer = await site.send(path, { headers: [...forged, ...Object.entries(headers)] });
        assert.equal(answer.status, 200);
        const [arrived] = await site.arrived();
        assert.deepEqual(secrets(arrived), [name]);
        assert.ok(!arrived.headers.some(([, value]) => value.includes('forged')));
      }
    });

    test('does not follow where the origin sends a visitor', async () => {
      for (const status of [301, 302, 303, 307, 308]) {
        const location = `${elsewhere.address}/taken`;
        for (const [path, headers] of [
          ['/public/x', {}],
          ['/x', { cookie }],
        ]) {
          const answer = await site.send(path, { headers: { ...answering({ status, headers: [['location', location]] }), ...headers } });
          assert.deepEqual([answer.status, answer.header('location')], [status, location]);
          assert.equal((await site.arrived()).length, 1);
        }
      }
      assert.deepEqual(elsewhere.arrived(), []);
    });

    test('goes to no provider, no visitor and no log', async () => {
      await site.fetched();
      const { steps } = await site.signIn({ path: '/b' });
      for (const { answer } of steps) assert.ok(!`${answer.body}${JSON.stringify(answer.lines)}`.includes(SECRET));
      // Where the origin has an address, the network is the real one, and nobody records the provider's part of it.
      const calls = (await site.fetched()).filter(({ url }) => url.startsWith(site.provider.issuer));
      assert.equal(calls.length > 0, origin === 'zone');
      for (const call of calls) assert.deepEqual(secrets(call), []);
      await site.send('/x', { headers: { cookie, ...answering({ fail: true }) } });
      assert.ok(!site.gate.logs.some(({ message }) => message.includes(SECRET)));
      assert.ok(site.gate.logs.length > 0);
    });
  });
}

test('a secret that is stored and not asked for goes nowhere', async () => {
  const site = await startSite({ origin: 'address', gate: { secrets: { PORTCULLIS_ORIGIN_SECRET: SECRET } } });
  try {
    assert.equal((await site.send('/public/x', { headers: { 'x-origin-secret': 'kept', origin: LOCAL } })).status, 200);
    const [arrived] = await site.arrived();
    assert.equal(arrived.header('x-origin-secret'), 'kept');
    assert.ok(!arrived.headers.some(([, value]) => value === SECRET));
  } finally {
    await site.stop();
  }
});
