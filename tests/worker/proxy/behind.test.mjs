// nginx and Caddy in front of a site, as docs/behind-a-proxy.md sets them up, ask the gate about every request.
// What the site gets is what was judged, with the gate's word on who it is, and nobody else's.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { navigation, sendBytes } from '../support/exchange.mjs';
import { CHECK_SECRET, startBehind } from './support/proxy.mjs';

/** A service token; the settings know its hash. */
const TOKEN = `ci.${randomBytes(32).toString('base64url')}`;
const tokens = [{ id: 'ci', hash: createHash('sha256').update(TOKEN).digest('hex'), expires: '2099-12-31' }];

const rules = [
  { path: '/public/**', sso: false },
  { path: '/jobs/**', tokens: ['ci'] },
  { path: '/optional/**', sso: 'optional' },
  { path: '/admin/**', allow: [{ group: 'admins' }] },
  { path: '/methods', methods: ['POST'], allow: [{ group: 'admins' }] },
  { path: '/methods', sso: false },
];

const ADA = {
  'x-auth-subject': 'ada',
  'x-auth-provider': 'demo',
  'x-auth-email': 'ada@example.com',
  'x-auth-name': 'Ada Lindqvist',
  'x-auth-groups': 'admins',
};
const BOB = { 'x-auth-subject': 'bob' };
const IDENTITY = /^x.?auth.?(?:subject|email|name|groups|provider|assertion)$/;

/** Paths that some server could take for another one, and that nobody without a session may have. */
const TRICKS = [
  '/admin',
  '/ADMIN/../admin',
  '//admin',
  '/admin//',
  '/./admin',
  '/public/../admin',
  '/public/%2e%2e/admin',
  '/public/..%2fadmin',
  '/public/..%2Fadmin/x',
  '/public/..%5cadmin',
  '/public/..\\admin',
  '/public/..;/admin',
  '/public/..%252fadmin',
  '/public/%2e%2e%2fadmin',
  '/public%2f..%2fadmin',
  '/admin%2f..',
  '/admin/..%2fpublic',
  '/admin;/public',
  '/admin%00/public',
  '/admin%3b',
  '/%61dmin',
  '/public/.%2e/x',
  '/.auth/../admin',
  '/.auth/..%2fadmin',
  '/.auth%2f..%2fadmin',
  '/x/../.auth/../admin',
  '/.auth;/../admin',
];

for (const name of ['nginx', 'caddy']) {
  describe(`behind ${name}`, { timeout: 60_000 }, () => {
    let site;
    let ada;
    let bob;

    before(async () => {
      site = await startBehind(name, { rules, tokens });
      ada = await site.signIn({ user: 'ada', path: '/members/?a=b' });
      bob = await site.signIn({ user: 'bob', path: '/members/' });
    });
    after(async () => {
      if (!site) return;
      // The gate itself forwarded nothing.
      assert.deepEqual(await site.gate.arrived(), []);
      await site.stop();
    });
    beforeEach(() => site.arrived());

    const only = async () => {
      const arrived = await site.arrived();
      assert.equal(arrived.length, 1);
      return arrived[0];
    };
    const expectNothing = async (what) => assert.deepEqual(await site.arrived(), [], what);

    test('a sign-in ends at the page that was asked for', async () => {
      const path = '/members/list?a=1&b=%2F..%2Fx&c=%C3%A9';
      const { location, visitor } = await site.signIn({ user: 'ada', path });
      assert.equal(location, `${site.origin}${path}`);
      await expectNothing('before the session');
      const answer = await visitor.visit(location);
      assert.deepEqual([answer.status, answer.body], [200, 'from the origin']);
      const arrived = await only();
      assert.equal(arrived.url, path);
      assert.deepEqual(identityOf(arrived), ADA);
      assert.equal(arrived.header('cookie'), undefined);
    });

    test('what is spelled nearly as the gate’s own pages are is the site’s', async () => {
      for (const path of ['/.AUTH/x', '/.Auth/me']) {
        assert.equal((await site.send(path)).status, 401, path);
        await expectNothing(path);
        assert.equal((await site.send(path, { headers: { cookie: ada.cookie } })).status, 200, path);
        assert.equal((await only()).url, path);
      }
    });

    test('a login is the only thing that sets a cookie', async () => {
      for (const { url, answer } of ada.visitor.steps.filter(({ url }) => url.startsWith(site.origin))) {
        if (!url.includes('/.auth/')) assert.deepEqual(answer.all('set-cookie'), [], url);
      }
    });

    test('who may is in, who may not is out, and each is told by name', async () => {
      const forAdmins = (cookie) => site.send('/admin/x', { headers: { ...navigation, cookie } });
      assert.equal((await forAdmins(ada.cookie)).status, 200);
      assert.deepEqual(identityOf(await only()), ADA);
      const refused = await forAdmins(bob.cookie);
      assert.equal(refused.status, 403);
      if (name === 'caddy') assert.match(refused.body, /not_allowed/);
      await expectNothing('bob');
      assert.equal((await site.send('/x', { headers: { cookie: bob.cookie } })).status, 200);
      assert.equal(identityOf(await only())['x-auth-subject'], BOB['x-auth-subject']);
    });

    test('a script is told 401, and sent nowhere', async () => {
      for (const options of [{}, { headers: { ...navigation, 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' } }, { method: 'POST', body: 'a=b' }]) {
        const answer = await site.send('/x', options);
        assert.deepEqual([answer.status, answer.header('location')], [401, undefined]);
        if (name === 'caddy') assert.equal(answer.json().code, 'sign_in_required');
        else assert.match(answer.header('www-authenticate') ?? '', /^Cookie realm=/);
      }
      await expectNothing();
    });

    test('a token for the gate is judged, and goes no further', async () => {
      assert.equal((await site.send('/jobs/x', { headers: { 'Portcullis-Token': TOKEN, Authorization: 'Basic YTpi' } })).status, 200);
      const arrived = await only();
      assert.ok(identityOf(arrived)['x-auth-subject']);
      assert.equal(arrived.header('authorization'), 'Basic YTpi');
      assert.deepEqual(arrived.names.filter((each) => each.startsWith('portcullis')), []);
      const wrong = await site.send('/jobs/x', { headers: { 'Portcullis-Token': TOKEN.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A')) } });
      assert.equal(wrong.status, 401);
      // Where no rule names one it stays behind as well, and Authorization is the site's.
      const others = { 'Portcullis-Token': TOKEN, Authorization: 'Bearer for-the-site' };
      assert.equal((await site.send('/public/x', { headers: others })).status, 200);
      const beside = await only();
      assert.equal(beside.header('authorization'), 'Bearer for-the-site');
      assert.deepEqual(beside.names.filter((each) => each.startsWith('portcullis')), []);
    });

    test('a body arrives whole, and the gate gets none', async () => {
      const headers = { cookie: ada.cookie, origin: site.origin, 'content-type': 'text/plain' };
      assert.equal((await site.send('/x', { method: 'POST', headers, body: 'x'.repeat(100_000) })).status, 200);
      const arrived = await only();
      assert.deepEqual([arrived.method, arrived.header('content-length')], ['POST', '100000']);
    });

    test('the method of the rule is the one that was sent', async () => {
      assert.equal((await site.send('/methods')).status, 200);
      assert.equal((await only()).method, 'GET');
      assert.equal((await site.send('/methods', { method: 'POST', body: '' })).status, 401);
      const override = await site.send('/methods', { headers: { 'x-http-method-override': 'POST' } });
      assert.equal(override.status, name === 'nginx' ? 403 : 400);
      await expectNothing();
    });

    for (const [path, signedIn, identity] of [
      ['/public/x', true, {}],
      ['/public/x', false, {}],
      ['/optional/x', true, ADA],
      ['/optional/x', false, {}],
      ['/x', true, ADA],
      ['/admin/x', true, ADA],
    ]) {
      test(`who it is on ${path}, signed ${signedIn ? 'in' : 'out'}, is the gate's word`, async () => {
        const visitor = signedIn ? ada.cookie : undefined;
        const headers = (others) => Object.entries({ ...others, ...(visitor && { cookie: `a=1; ${visitor}` }) });
        assert.equal((await site.send(path, { headers: headers({}) })).status, 200);
        const plain = await only();
        assert.deepEqual(identityOf(plain), identity);
        assert.equal(plain.header('cookie'), visitor && 'a=1');
        for (const forged of ['X-Auth-Email', 'x-auth-subject', 'X-AUTH-GROUPS', 'x_auth_email', 'X_Auth_Subject', 'X-Auth_Name', 'X-Auth-Assertion', 'x.auth.email', 'x!auth!groups', 'X_Auth-Provider', 'X-Auth-Name']) {
          const pairs = [...headers({}), [forged, 'forged'], [forged, 'forged again']];
          const answer = await site.send(path, { headers: pairs });
          const arrived = await site.arrived();
          assert.ok([200, 400, 403].includes(answer.status), `${forged}: ${answer.status}`);
          assert.equal(arrived.length, answer.status === 200 ? 1 : 0, forged);
          for (const each of arrived) assert.deepEqual(identityOf(each), identity, forged);
        }
      });
    }

    for (const path of TRICKS) {
      test(`${path} gets nobody anywhere`, async () => {
        for (const headers of [{}, navigation, { cookie: bob.cookie }]) {
          const answer = await site.send(path, { headers });
          assert.ok([302, 400, 401, 403, 404].includes(answer.status), `${answer.status}`);
          await expectNothing(path);
        }
      });
    }

    test('what arrives is what was judged, byte for byte', async () => {
      for (const path of [
        '/public//x',
        '/public/a%2Fb',
        '/public/a;b=c/d',
        '/public/%7Ex/~y',
        '/public/caf%C3%A9?q=%2e%2e/../admin&r=;,\'"|',
        '/public/x?',
        '/public/x?/../../admin',
        '/public/.../x',
        '/public/x/./y',
      ]) {
        const answer = await site.send(path);
        assert.equal(answer.status, 200, path);
        assert.equal((await only()).url, path);
      }
    });

    test('no header of a client says which request is meant', async () => {
      const names = ['Portcullis-Uri', 'X-Forwarded-Uri', 'X-Original-URL', 'X-Original-URI', 'X-Rewrite-URL'];
      const headers = { 'X-Forwarded-Method': 'OPTIONS', 'Portcullis-Method': 'OPTIONS', 'X-Forwarded-Host': 'localhost', 'X-Forwarded-Proto': 'https' };
      for (const forged of [...names.map((each) => [each, '/public/x']), ...Object.entries(headers), ['Portcullis-Check', CHECK_SECRET], ['Portcullis-Check', 'x']]) {
        const answer = await site.send('/admin/x', { headers: [forged] });
        // Those that some origins take the path from are refused before anybody is asked to sign in.
        const leadsElsewhere = ['X-Original-URL', 'X-Rewrite-URL'].includes(forged[0]);
        // Those of the other family speak of a proxy that is not set up right; nginx has its own in their place.
        const foreign = name === 'caddy' && ['Portcullis-Method', 'Portcullis-Uri'].includes(forged[0]);
        const expected = foreign ? 400 : leadsElsewhere ? (name === 'nginx' ? 403 : 400) : 401;
        assert.equal(answer.status, expected, forged.join(': '));
      }
      await expectNothing();
    });

    test('no header of a client says what to cut off in front of the path', async () => {
      for (const header of ['X-Forwarded-Prefix', 'X-Script-Name', 'Script-Name', 'SCRIPT_NAME', 'Path-Info', 'X-Astro-Path']) {
        const { status } = await site.send('/public/admin/x', { headers: [[header, '/public']] });
        // nginx drops what has a _ in it.
        assert.equal(status, header.includes('_') && name === 'nginx' ? 200 : name === 'nginx' ? 403 : 400, header);
      }
      for (const arrived of await site.arrived()) assert.ok(!arrived.headers.some(([, value]) => value === '/public'));
      await site.send('/public/x', { headers: [['X-Forwarded-Uri', '/admin'], ['X-Original-URI', '/admin']] });
      assert.ok(!(await only()).headers.some(([, value]) => value === '/admin'));
    });

    // RFC 9110, 7.6.1: what is named there ends at the next server.
    test('no client takes away what the gate says, by naming it as a matter of one connection', async () => {
      const said = async (connection) => {
        const lines = connection.map((value) => `Connection: ${value}\r\n`).join('');
        const status = await sendBytes(site.origin, `GET /x HTTP/1.1\r\nHost: localhost:${site.proxy.port}\r\nCookie: ${ada.cookie}\r\n${lines}\r\n`);
        const [arrived] = await site.arrived();
        return [status, arrived && identityOf(arrived)];
      };
      assert.deepEqual(await said(['close']), [200, ADA]);
      for (const connection of [['close, X-Auth-Groups'], ['close', 'x-auth-subject'], ['X-AUTH-EMAIL, close'], ['close, Portcullis-Cookie'], ['close, Cookie']]) {
        const [status, identity] = await said(connection);
        assert.ok(status === 400 || (status === 200 && name === 'nginx'), `${connection}: ${status}`);
        assert.deepEqual(identity, status === 200 ? ADA : undefined, connection.join());
      }
    });

    test('no header of a client says another host to the site', async () => {
      const { port } = site.proxy;
      const headers = [['X-Forwarded-Host', 'admin.example'], ['X-Forwarded-Server', 'admin.example'], ['X-Forwarded-Port', '443.admin.example/admin?'], ['Forwarded', 'host=admin.example']];
      const answer = await site.send('/public/x', { headers });
      assert.equal(answer.status, 200);
      const arrived = await only();
      assert.deepEqual(arrived.headers.filter(([, value]) => value.includes('admin.example')), []);
      assert.equal(arrived.header('x-forwarded-host'), `localhost:${port}`);
    });

    test('no host of a client swallows the path', async () => {
      const { port } = site.proxy;
      for (const host of [`localhost:${port}?`, `localhost:${port}#`, `localhost:${port}/public/x?`, `localhost:${port}\\public`, `localhost:${port}/public`, 'elsewhere.example', '']) {
        const status = await sendBytes(site.origin, `GET /admin HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
        assert.ok(status === undefined || status >= 400 || (name === 'caddy' && status === 200), `${host}: ${status}`);
        const target = await sendBytes(site.origin, `GET http://${host}/public/x HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`);
        assert.ok(target === undefined || target >= 200, `${target}`);
      }
      for (const { url } of await site.arrived()) assert.match(url, /^\/public\//);
    });

    // RFC 9112, 3.2.2: the request line counts, and a server of several chooses by it.
    test('the host that is judged is that of the request line, where there is one in it', async () => {
      const { port } = site.proxy;
      const ask = (target) => sendBytes(site.origin, `GET ${target} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`);
      assert.equal(await ask(`http://localhost:${port}/public/x`), 200);
      await site.arrived();
      const other = await ask(`http://elsewhere.example:${port}/public/x`);
      // Caddy has no site for that host.
      assert.ok(other >= 400 || name === 'caddy', `${other}`);
      await expectNothing();
    });

    test('the question is not for visitors', async () => {
      const nothing = await site.send('/.auth/nothing');
      for (const headers of [{}, { cookie: ada.cookie }]) {
        const answer = await site.send('/.auth/check', { headers });
        assert.deepEqual([answer.status, answer.json().code], [404, nothing.json().code]);
      }
      for (const path of ['/portcullis-check', '/%70ortcullis-check']) {
        const answer = await site.send(path);
        assert.ok([401, 404].includes(answer.status), `${path}: ${answer.status}`);
      }
      await expectNothing();
    });

    test("the gate's own pages are reached, and stay the gate's", async () => {
      const me = await site.send('/.auth/me', { headers: { cookie: ada.cookie } });
      assert.deepEqual([me.status, me.json().subject], [200, 'ada']);
      assert.equal((await site.send('/.auth/health')).status, 200);
      await expectNothing();
    });

    test('cookies of the site arrive, however many', async () => {
      const many = Array.from({ length: 40 }, (_, index) => `cookie-${index}=${'v'.repeat(80)}`).join('; ');
      assert.equal((await site.send('/x', { headers: { cookie: `${many}; ${ada.cookie}; last=1` } })).status, 200);
      assert.equal((await only()).header('cookie'), `${many}; last=1`);
      for (const value of ['é', 'ÿ', 'a,b', '"x y"', 'ü€'.normalize()]) {
        const cookie = Buffer.from(`odd=${value}; ${ada.cookie}`).toString('latin1');
        const answer = await site.send('/x', { headers: { cookie } });
        assert.equal(answer.status, 200, value);
        assert.equal((await only()).header('cookie'), Buffer.from(`odd=${value}`).toString('latin1'), value);
      }
    });

    test('what another site does in a visitor’s name is refused', async () => {
      const { cookie } = ada;
      const evil = { cookie, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
      assert.equal((await site.send('/x', { method: 'POST', headers: evil, body: 'a=b' })).status, 403);
      const handshake = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
      assert.equal((await site.send('/x', { headers: { ...evil, ...handshake } })).status, 403);
      assert.equal((await site.send('/x', { headers: handshake })).status, 401);
      await expectNothing();
    });

    if (name === 'nginx') {
      test('a read over plain http is sent to https, and anything else is refused', async () => {
        const ask = (method) => site.send('/public/x?a=%2F', { method, at: 'http://docs.example.com' });
        for (const method of ['GET', 'HEAD']) {
          const answer = await ask(method);
          assert.deepEqual([answer.status, answer.header('location')], [302, 'https://docs.example.com/public/x?a=%2F'], method);
        }
        const refused = await ask('POST');
        assert.deepEqual([refused.status, refused.header('location')], [403, undefined]);
        await expectNothing();
      });
    }

    if (name === 'caddy') {
      test('a WebSocket of the site’s own is opened', async () => {
        const socket = new WebSocket(`${site.origin.replace('http', 'ws')}/live`, { headers: { cookie: ada.cookie, origin: site.origin } });
        const echo = await new Promise((done, failed) => {
          socket.on('error', failed);
          socket.on('open', () => socket.send('hello'));
          socket.on('message', (data) => done(String(data)));
        });
        socket.close();
        assert.equal(echo, 'hello');
        assert.deepEqual(identityOf(await only()), ADA);
      });
    }
  });
}

/** What a server could read as an identity, as it arrived. */
function identityOf(arrived) {
  return Object.fromEntries(arrived.headers.map(([name, value]) => [name.toLowerCase(), value]).filter(([name]) => IDENTITY.test(name)));
}
