// What is admitted goes to the origin as it came, wherever that stands.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { sendBytes } from './support/exchange.mjs';
import { LOCAL, startSite } from './support/site.mjs';

for (const origin of ['service', 'zone', 'address']) {
  describe(`a request, with ${origin} as the origin`, { timeout: 20_000 }, () => {
    let site;
    let cookie;

    before(async () => {
      site = await startSite({ origin });
      ({ cookie } = await site.signIn({ path: '/a' }));
    });
    after(() => site.stop());
    beforeEach(() => site.arrived());

    /** The one request that arrived. */
    async function arrival() {
      const arrived = await site.arrived();
      assert.equal(arrived.length, 1, `${arrived.length} requests arrived`);
      return arrived[0];
    }

    // Rules may differ by host, so an origin must not be told another one than was judged.
    test('says the host that was judged, and no other', async () => {
      const names = ['X-Forwarded-Host', 'X_Forwarded_Host', 'Forwarded', 'X-Host', 'X-Original-Host'];
      for (const [path, headers] of [['/public/x', {}], ['/x', { cookie }]]) {
        await site.send(path, { headers: [...names.map((name) => [name, 'host=admin.example']), ['X-Forwarded-Proto', 'ftp'], ['X_Forwarded_Proto', 'ftp'], ['X.Forwarded-Proto', 'ftp'], ...Object.entries(headers)] });
        const arrived = await arrival();
        assert.deepEqual(arrived.headers.filter(([, value]) => value.includes('admin.example')), []);
        assert.deepEqual(arrived.names.filter((name) => /^x[^a-z]forwarded[^a-z]proto$/.test(name) && name !== 'x-forwarded-proto'), []);
        const told = ['x-forwarded-host', 'x-forwarded-proto'].map((name) => arrived.header(name));
        // Elsewhere the address itself has the host.
        if (origin === 'address') assert.deepEqual(told, [LOCAL.slice('http://'.length), 'http']);
        else assert.equal(new URL(arrived.url).origin, LOCAL);
      }
    });

    // With it the platform sends on every method as a GET; and an answer to TRACE is the request, secrets and all.
    test('goes nowhere with an Upgrade and another method than GET, nor as a TRACE', async () => {
      const ways = ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND'].flatMap((method) => ['websocket', 'WebSocket', 'h2c'].map((to) => [method, { connection: 'Upgrade', upgrade: to }]));
      for (const [method, more] of [...ways, ['TRACE', {}]]) {
        for (const path of ['/public/x', '/x']) {
          const answer = await site.send(path, { method, headers: { ...more, cookie, origin: LOCAL } });
          assert.equal(answer.status, 400, `${method} ${path}`);
          if (method !== 'HEAD') assert.equal(answer.json().code, 'method_doubtful');
        }
      }
      assert.deepEqual(await site.arrived(), []);
    });

    // Some origins heed the override on any method (RFC 4918, 10.3).
    test('copies and moves nothing to where another rule decides, under a GET either', async () => {
      for (const [more, status] of [[{}, 200], [{ 'x-http-method-override': 'MOVE' }, 400]]) {
        for (const path of ['/public/x', '/x']) {
          const answer = await site.send(path, { headers: { cookie, destination: '/admin/x', ...more } });
          assert.equal(answer.status, status, `${path} ${JSON.stringify(more)}`);
        }
      }
    });

    // To an origin that heeds it, the platform takes the word that it may go on for the answer.
    test('asks no origin whether the body may come (RFC 9110, 10.1.1)', async () => {
      for (const path of ['/public/x', '/x']) {
        const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nOrigin: ${LOCAL}`;
        assert.equal(await sendBytes(site.gate.url, `${head}\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc`), 200, path);
        assert.equal((await arrival()).header('expect'), undefined);
      }
    });

    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'MKCOL', 'REPORT', 'SEARCH'];
    // Node's own server, which stands for an origin with an address, does not know it.
    if (origin !== 'address') methods.push('QUERY');
    for (const method of methods) {
      const withBody = !['GET', 'HEAD', 'DELETE', 'OPTIONS'].includes(method);

      test(`${method} reaches the origin as ${method}`, async () => {
        for (const path of ['/public/x?a=1&a=2', '/x?a=1&a=2']) {
          const body = withBody ? 'some body' : undefined;
          const answer = await site.send(path, {
            method,
            headers: { cookie, origin: LOCAL, 'content-type': 'text/plain', 'x-theirs': 'kept' },
            body,
          });
          assert.equal(answer.status, 200, `${path}: ${answer.body}`);
          const arrived = await arrival();
          assert.equal(arrived.method, method);
          assert.equal(new URL(arrived.url, LOCAL).pathname + new URL(arrived.url, LOCAL).search, path);
          assert.equal(arrived.header('x-theirs'), 'kept');
          if (withBody) {
            assert.equal(arrived.header('content-type'), 'text/plain');
            assert.equal(arrived.header('content-length'), '9');
            if (!site.server) assert.equal(arrived.body, 'some body');
          }
        }
      });
    }
  });
}
