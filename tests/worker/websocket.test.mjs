// A browser sends its cookies along with a WebSocket that any page opens, so the gate looks where it
// comes from before the origin sees it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, beforeEach, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { answering } from './support/origin.mjs';
import { LOCAL, startSite } from './support/site.mjs';

for (const origin of ['service', 'zone', 'address']) {
  describe(`a WebSocket, with ${origin} as the origin`, { timeout: 20_000 }, () => {
    let site;
    let cookie;

    before(async () => {
      site = await startSite({ origin });
      ({ cookie } = await site.signIn({ path: '/a' }));
    });
    after(() => site.stop());
    beforeEach(() => site.arrived());

    test('of our own page is passed on, with the identity and without our cookies', async () => {
      const headers = { cookie: `theirs=1; ${cookie}`, origin: LOCAL, 'x-auth-email': 'ceo@example.com' };
      const socket = await connect(site, '/chat?room=1', { headers, protocols: ['chat.v2', 'chat.v1'] });
      assert.equal(socket.protocol, 'chat.v2');
      assert.equal(await roundTrip(socket, 'hello'), 'hello');
      assert.deepEqual(await roundTrip(socket, Buffer.from([0, 255, 1])), Buffer.from([0, 255, 1]));
      await close(socket);

      const [arrived, ...others] = await site.arrived();
      assert.deepEqual(others, []);
      assert.match(arrived.url, /\/chat\?room=1$/);
      assert.equal(arrived.header('cookie'), 'theirs=1');
      assert.equal(arrived.header('x-auth-subject'), 'ada');
      assert.equal(arrived.header('x-auth-email'), 'ada@example.com');
    });

    test('on a public path is passed on, wherever it comes from', async () => {
      const socket = await connect(site, '/public/chat', {
        headers: { origin: 'https://evil.example', 'x-auth-email': 'ceo@example.com' },
      });
      assert.equal(await roundTrip(socket, 'hello'), 'hello');
      await close(socket);
      const [arrived] = await site.arrived();
      assert.deepEqual(
        arrived.names.filter((name) => name.startsWith('x-auth')),
        [],
      );
    });

    test('whose handshake sets cookies loses ours, keeps the others, and works', async () => {
      const set = ['portcullis=evil; Path=/', 'theirs=2; Path=/', '__Host-portcullis-login-x=evil; Path=/; Secure'];
      for (const [path, headers] of [['/public/chat', {}], ['/chat', { cookie, origin: LOCAL }]]) {
        for (const lines of [set, set.slice(1, 2)]) {
          const told = answering({ headers: lines.map((line) => ['set-cookie', line]) });
          const socket = client(site, path, { ...told, ...headers }, ['chat.v1']);
          const [[response]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')]);
          assert.deepEqual(response.headers['set-cookie'], [set[1]]);
          assert.equal(socket.protocol, 'chat.v1');
          assert.equal(await roundTrip(socket, 'hello'), 'hello');
          await close(socket);
        }
      }
    });

    const foreign = [
      ['of another site', { origin: 'https://evil.example' }],
      ['of a page without an origin', { origin: 'null' }],
      ['of no page', {}],
      ['of our host on another port', { origin: `${LOCAL}:8080` }],
      ['of our host over https', { origin: 'https://localhost' }],
      ['of a host that begins like ours', { origin: `${LOCAL}.evil.example` }],
      ['of a sibling host', { origin: LOCAL, 'sec-fetch-site': 'same-site' }],
      ['of another site that claims our origin', { origin: LOCAL, 'sec-fetch-site': 'cross-site' }],
      ['of a page that claims to be ours', { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }],
      ['opened by hand', { origin: LOCAL, 'sec-fetch-site': 'none' }],
    ];
    for (const [who, headers] of foreign) {
      test(`${who} is refused`, async () => {
        const refused = await refusal(site, '/chat', { cookie, ...headers });
        assert.deepEqual([refused.status, refused.problem.code], [403, 'cross_site']);
        assert.deepEqual(await site.arrived(), []);
      });
    }

    test('without a session is a 401 that says how to get one', async () => {
      const refused = await refusal(site, '/chat', { origin: LOCAL });
      assert.equal(refused.status, 401);
      assert.equal(refused.problem.code, 'sign_in_required');
      assert.equal(refused.problem.login_url, `${LOCAL}/.auth/login?return_to=%2Fchat`);
      assert.ok(refused.headers['www-authenticate']);
      assert.deepEqual(await site.arrived(), []);
    });

    test('of somebody who is not allowed is a 403', async () => {
      const { cookie: bobs } = await site.signIn({ user: 'bob', path: '/a' });
      const refused = await refusal(site, '/admin/chat', { cookie: bobs, origin: LOCAL });
      assert.deepEqual([refused.status, refused.problem.code], [403, 'not_allowed']);
      assert.deepEqual(await site.arrived(), []);
    });

    test('under our own prefix goes nowhere', async () => {
      const refused = await refusal(site, '/.auth/chat', { cookie, origin: LOCAL });
      assert.equal(refused.status, 404);
      assert.deepEqual(await site.arrived(), []);
    });
  });
}

async function connect(site, path, { headers, protocols = [] }) {
  const socket = client(site, path, headers, protocols);
  await once(socket, 'open');
  return socket;
}

/** The answer to a handshake that is turned down. */
async function refusal(site, path, headers) {
  const socket = client(site, path, headers, []);
  socket.on('error', () => {});
  const [, response] = await once(socket, 'unexpected-response');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, headers: response.headers, problem: JSON.parse(body) };
}

function client(site, path, headers, protocols) {
  const { port } = new URL(site.gate.url);
  return new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers: { host: 'localhost', ...headers } });
}

async function roundTrip(socket, message) {
  socket.send(message);
  const [data, isBinary] = await once(socket, 'message');
  return isBinary ? data : data.toString();
}

async function close(socket) {
  socket.close(1000);
  await once(socket, 'close');
}
