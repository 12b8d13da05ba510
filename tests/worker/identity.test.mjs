// Who is there: the gate's word alone. A client's header that a server could read as one of the gate's
// never arrives, whatever the spelling, the path and the origin.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { answering } from './support/origin.mjs';
import { LOCAL, rules, startSite } from './support/site.mjs';

const MANAGED = ['subject', 'email', 'name', 'groups', 'provider', 'assertion'].map((name) => `X-Auth-${name}`);
/** Every character that RFC 9110, 5.6.2 allows in a header's name beside letters and digits. */
const PUNCTUATION = "!#$%&'*+-.^_`|~";
const SPELLINGS = [
  ...MANAGED,
  ...MANAGED.map((name) => name.toLowerCase()),
  ...MANAGED.map((name) => name.toUpperCase().replaceAll('-', '_')),
  ...[...PUNCTUATION].flatMap((mark) => [`x${mark}auth${mark}email`, `X-AUTH${mark}SUBJECT`, `x${mark}Auth-Groups`]),
];
const OTHERS = [
  'X-Author',
  'X-Auth',
  'X-Auth-Emails',
  'X-Auth-Emai',
  'XAuthEmail',
  'X-Auth-Email-Verified',
  'Auth-Email',
  'Remote-User',
  'X-Forwarded-Email',
  'Authorization',
];

const APP = 'https://app.example';

const ADA = {
  'x-auth-subject': 'ada',
  'x-auth-provider': 'demo',
  'x-auth-email': 'ada@example.com',
  'x-auth-name': 'Ada Lindqvist',
  'x-auth-groups': 'admins',
};

for (const origin of ['service', 'zone', 'address']) {
  describe(`RFC 9700 4.13: identity headers, with ${origin} as the origin`, { timeout: 20_000 }, () => {
    let site;
    let cookie;

    before(async () => {
      const more = [
        { path: '/optional/**', sso: 'optional' },
        { path: '/api/**', preflight: true, origins: [APP] },
        { path: '/watched/**', mode: 'report', allow: [{ group: 'nobody' }] },
      ];
      site = await startSite({ origin, settings: { rules: [...rules, ...more] } });
      ({ cookie } = await site.signIn({ path: '/a' }));
    });
    after(() => site.stop());
    beforeEach(() => site.arrived());

    const cors = { origin: APP, 'access-control-request-method': 'POST' };
    const elsewhere = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    // On the right who it is to the origin, and how it is asked for.
    const routes = [
      ['a public path', '/public/x', false, {}, {}],
      ['a public path, signed in', '/public/x', true, {}, {}],
      ['a path that does not exist', '/public/x', true, answering({ status: 404 }), {}],
      ['a public path that throws', '/public/x', true, answering({ fail: true }), {}],
      ['a protected path', '/x', true, {}, ADA],
      ['a protected path that fails', '/x', true, answering({ status: 500 }), ADA],
      ['a protected path that throws', '/x', true, answering({ fail: true }), ADA],
      ['a path for some', '/admin/x', true, {}, ADA],
      ['a path that a rule watches', '/watched/x', true, {}, ADA],
      ['an optional path', '/optional/x', false, {}, {}],
      ['an optional path, with a session that is none', '/optional/x', false, { cookie: 'portcullis=x.y.z' }, {}],
      ['an optional path, signed in', '/optional/x', true, {}, ADA],
      ['an optional path that fails', '/optional/x', true, answering({ status: 500 }), ADA],
      ["another site's post to an optional path", '/optional/x', true, elsewhere, {}, 'POST'],
      ['a preflight', '/api/x', false, cors, {}, 'OPTIONS'],
      ['a preflight, signed in', '/api/x', true, cors, {}, 'OPTIONS'],
      ['a post of a trusted page', '/api/x', true, { origin: APP }, ADA, 'POST'],
    ];
    for (const [route, path, signedIn, headers, expected, method] of routes) {
      test(`on ${route} are the gate's own`, async () => {
        const forged = SPELLINGS.flatMap((name) => [
          [name, 'forged'],
          [name, 'forged again'],
        ]);
        const pairs = [...forged, ...OTHERS.map((name) => [name, `kept ${name}`]), ...Object.entries(headers)];
        if (signedIn) pairs.push(['Cookie', cookie]);
        await site.send(path, { method, headers: pairs });
        const [arrived] = await site.arrived();
        assert.deepEqual(
          arrived.headers.filter(([, value]) => value.includes('forged')),
          [],
        );
        assert.deepEqual(identityOf(arrived), expected);
        for (const name of OTHERS) assert.equal(arrived.header(name.toLowerCase()), `kept ${name}`);
      });
    }

    // What frameworks take another path, host or method from.
    test('that would lead elsewhere do not arrive, and of methods only the name itself', async () => {
      const ofPaths = ['X-Original-URL', 'X-Original-URI', 'X-Original-Path', 'X-Rewrite-URL', 'X-Override-URL', 'X-Forwarded-Uri', 'X-Forwarded-Path', 'X-Forwarded-Prefix', 'X-Envoy-Original-Path', 'X-Ingress-Path', 'X-Script-Name', 'Script-Name', 'Path-Info', 'X-Astro-Path', 'X-Matched-Path', 'X-Now-Route-Matches'];
      const elsewhere = [...ofPaths, 'X-Forwarded-Host', 'Forwarded', 'X-Forwarded-Server', 'X-Original-Host', 'X-Host', 'X-HTTP-Host-Override', 'X-Forwarded-Port'];
      const names = [...elsewhere, 'X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X-Original-Method'];
      for (const path of ['/public/x', '/optional/x', '/x']) {
        const pairs = names.flatMap((name) => [name, name.replaceAll('-', '_'), name.replace('-', '_'), name.replaceAll('-', '.')]);
        await site.send(path, { headers: [...pairs.map((name) => [name, 'DELETE']), ['X-Forwarded-For', 'kept'], ['Cookie', cookie]] });
        const [arrived] = await site.arrived();
        assert.deepEqual(
          arrived.headers.filter(([, value]) => value.includes('DELETE')).map(([name]) => name.toLowerCase()).sort(),
          names.slice(elsewhere.length).map((name) => name.toLowerCase()).sort(),
          path,
        );
        assert.match(arrived.header('x-forwarded-for'), /kept/);
      }
    });

    test('Fetch 4.8: the answer to a preflight has no body, even where the origin takes it for a request for the page', async () => {
      const kept = [
        ['access-control-allow-origin', APP],
        ['x-theirs', 'kept'],
      ];
      const page = { headers: [...kept, ['content-encoding', 'something-else'], ['set-cookie', '__Host-portcullis=x; Path=/']], body: 'a page for admins' };
      for (const status of [200, 404]) {
        const answer = await site.send('/api/x', { method: 'OPTIONS', headers: { ...cors, ...answering({ ...page, status }) } });
        assert.deepEqual([answer.status, answer.body, ...kept.map(([name]) => answer.header(name))], [status, '', APP, 'kept']);
        assert.deepEqual([answer.header('content-encoding'), answer.header('set-cookie')], [undefined, undefined]);
      }
      // Where it does pass by its rule, it has its body, like any other answer.
      const own = await site.send('/public/x', { method: 'OPTIONS', headers: { ...cors, ...answering(page) } });
      assert.deepEqual([own.status, own.body], [200, 'a page for admins']);
    });

    test('that carry another method do not pass with a preflight', async () => {
      for (const [name, status] of [['X-HTTP-Method-Override', 400], ['X_HTTP_Method_Override', 200]]) {
        const answer = await site.send('/api/x', { method: 'OPTIONS', headers: { ...cors, [name]: 'DELETE' } });
        assert.equal(answer.status, status, name);
      }
      const arrived = await site.arrived();
      assert.equal(arrived.length, 1);
      assert.ok(arrived[0].headers.every(([, value]) => value !== 'DELETE'));
    });

    for (const method of ['POST', 'OPTIONS', 'HEAD', 'PROPFIND']) {
      test(`of a ${method} are the gate's own`, async () => {
        for (const path of ['/public/x', '/x']) {
          await site.send(path, { method, headers: { x_auth_email: 'forged', 'X-Auth-Email': 'forged', origin: LOCAL, cookie } });
          const [arrived] = await site.arrived();
          assert.deepEqual(identityOf(arrived), path === '/x' ? ADA : {});
        }
      });
    }
  });
}

describe('what the identity headers say', { timeout: 20_000 }, () => {
  let site;
  let claims;

  before(async () => {
    const findAccount = (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...claims }) });
    site = await startSite({
      provider: { configuration: { findAccount } },
      settings: { rules: [{ path: '/admin/**', allow: [{ group: 'admins' }, { group: 'a,b' }, { group: 'Käse' }] }] },
    });
  });
  after(() => site.stop());

  const rows = [
    ['a name outside ASCII', { name: 'Zoë Ångström' }, { 'x-auth-name': 'Zo%C3%AB %C3%85ngstr%C3%B6m' }],
    ['a name with line breaks', { name: 'Eve\r\nX-Auth-Groups: admins' }, { 'x-auth-name': 'Eve%0D%0AX-Auth-Groups: admins' }],
    ['a name with a percent sign', { name: '100%25' }, { 'x-auth-name': '100%2525' }],
    ['an email address nobody verified', { email: 'ceo@example.com', email_verified: false }, {}],
    ['a verified email address', { email: 'ada@example.com', email_verified: true }, { 'x-auth-email': 'ada@example.com' }],
    ['only groups that rules name', { groups: ['staff', 'admins', 'others'] }, { 'x-auth-groups': 'admins' }],
    [
      'groups with a comma and outside ASCII',
      { groups: ['admins', 'a,b', 'Käse'] },
      { 'x-auth-groups': 'admins,a%2Cb,K%C3%A4se' },
    ],
    ['nothing that is not there', {}, {}],
  ];
  for (const [what, person, expected] of rows) {
    test(what, async () => {
      claims = person;
      const { cookie } = await site.signIn({ path: '/a' });
      await site.arrived();
      const answer = await site.send('/a', { headers: { cookie } });
      assert.equal(answer.status, 200);
      const [arrived] = await site.arrived();
      const { 'x-auth-groups': groups, ...found } = identityOf(arrived);
      const { 'x-auth-groups': expectedGroups, ...others } = expected;
      assert.deepEqual(found, { 'x-auth-subject': 'ada', 'x-auth-provider': 'demo', ...others });
      // The order of groups has no meaning.
      assert.deepEqual(groups?.split(',').sort(), expectedGroups?.split(',').sort());
    });
  }

  test('the same of 500 groups', async () => {
    claims = { groups: ['admins', ...Array.from({ length: 500 }, (_, index) => `group-${index}-with-a-long-name`)] };
    const { cookie } = await site.signIn({ path: '/a' });
    await site.arrived();
    await site.send('/admin/x', { headers: { cookie } });
    const [arrived] = await site.arrived();
    assert.equal(arrived.header('x-auth-groups'), 'admins');
  });
});

function identityOf(arrived) {
  return Object.fromEntries(
    arrived.headers
      .map(([name, value]) => [name.toLowerCase(), value])
      .filter(([name]) => /^x.auth.(?:subject|email|name|groups|provider|assertion)$/.test(name)),
  );
}
