// A cookie says who asks, not whose idea it was: what changes something must come from our own pages.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { LOCAL, startSite } from './support/site.mjs';

describe('a request that a session admits', { timeout: 20_000 }, () => {
  let site;
  let cookie;

  before(async () => {
    site = await startSite();
    ({ cookie } = await site.signIn({ path: '/a' }));
  });
  after(() => site.stop());
  beforeEach(() => site.arrived());

  const SAFE = ['GET', 'HEAD', 'OPTIONS'];
  const UNSAFE = ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'QUERY'];

  // Origin, Sec-Fetch-Site, and whether that is one of our own pages.
  const senders = [
    [LOCAL, 'same-origin', true],
    [LOCAL, undefined, true],
    // A page that sends no referrer posts a form with this origin; no page can set the other header.
    ['null', 'same-origin', true],
    [undefined, 'same-origin', true],
    [undefined, undefined, false],
    ['null', undefined, false],
    ['', undefined, false],
    [LOCAL, 'none', false],
    [LOCAL, 'same-site', false],
    [LOCAL, 'cross-site', false],
    [LOCAL, 'Same-Origin', false],
    [LOCAL, 'same-origin, cross-site', false],
    [LOCAL, '', false],
    [undefined, 'none', false],
    [undefined, 'same-site', false],
    ['https://evil.example', undefined, false],
    ['https://evil.example', 'same-origin', false],
    ['https://evil.example', 'cross-site', false],
    [`${LOCAL}/`, undefined, false],
    [`${LOCAL}:80`, undefined, false],
    [`${LOCAL}:8080`, undefined, false],
    [`${LOCAL}.evil.example`, undefined, false],
    ['http://evil.example/http://localhost', undefined, false],
    ['https://localhost', undefined, false],
    ['localhost', undefined, false],
    ['http://LOCALHOST', undefined, false],
    [`${LOCAL} https://evil.example`, undefined, false],
    [`${LOCAL}, https://evil.example`, undefined, false],
  ];
  for (const [origin, relation, ours] of senders) {
    const headers = { ...(origin !== undefined && { origin }), ...(relation !== undefined && { 'sec-fetch-site': relation }) };

    test(`from ${origin ?? 'no origin'}, ${relation ?? 'no relation'}: ${ours ? 'may change something' : 'may read alone'}`, async () => {
      for (const method of UNSAFE) {
        const answer = await site.send('/x', { method, headers: { cookie, ...headers }, body: 'a=b' });
        assert.equal(answer.status, ours ? 200 : 403, method);
        if (!ours) assert.equal(answer.json().code, 'cross_site');
      }
      assert.equal((await site.arrived()).length, ours ? UNSAFE.length : 0);
      for (const method of SAFE) {
        const answer = await site.send('/x', { method, headers: { cookie, ...headers } });
        assert.equal(answer.status, 200, method);
      }
      assert.equal((await site.arrived()).length, SAFE.length);
    });
  }

  test('that overrides its method is no read, where another site sent it', async () => {
    for (const name of ['X-HTTP-Method-Override', 'x-http-method', 'X-Method-Override', 'x-original-method']) {
      const send = (path, headers) => site.send(path, { headers: { cookie, [name]: 'DELETE', ...headers } });
      for (const origin of ['https://evil.example', 'null']) {
        const answer = await send('/x', { origin, 'sec-fetch-site': 'cross-site' });
        assert.deepEqual([answer.status, answer.json().code], [403, 'cross_site'], name);
      }
      assert.deepEqual(await site.arrived(), []);
      for (const headers of [{ origin: LOCAL }, { 'sec-fetch-site': 'same-origin' }]) assert.equal((await send('/x', headers)).status, 200);
      assert.equal((await send('/public/x', { origin: 'https://evil.example' })).status, 200);
      assert.equal((await site.arrived()).length, 3);
    }
  });

  test('on a public path may come from anywhere', async () => {
    for (const method of [...SAFE, ...UNSAFE]) {
      const answer = await site.send('/public/x', {
        method,
        headers: { cookie, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      });
      assert.equal(answer.status, 200, method);
    }
    assert.equal((await site.arrived()).length, SAFE.length + UNSAFE.length);
  });

  test('that another page posts as a form is refused with a page', async () => {
    const answer = await site.send('/x', {
      method: 'POST',
      headers: {
        cookie,
        origin: 'https://evil.example',
        'sec-fetch-site': 'cross-site',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'a=b',
    });
    assert.equal(answer.status, 403);
    assert.equal(answer.header('content-type'), 'text/html; charset=utf-8');
    assert.match(answer.body, /cross_site/);
    assert.deepEqual(await site.arrived(), []);
    const { record } = await site.gate.logs.until(
      (entry) => entry.record?.code === 'cross_site' && answer.body.includes(entry.record.request),
    );
    assert.deepEqual([record.event, record.path], ['refused', '/x']);
  });

  test('with a method in another case is none of the safe ones', async () => {
    for (const method of ['Get', 'head', 'oPTIONS']) {
      const answer = await site.send('/x', { method, headers: { cookie, origin: 'https://evil.example' } });
      // The runtime takes them for the standard ones, for nothing it knows, or the gate refuses them.
      assert.ok([200, 403, 501].includes(answer.status), `${method}: ${answer.status}`);
      const methods = (await site.arrived()).map((arrived) => arrived.method);
      assert.ok(
        methods.every((arrived) => SAFE.includes(arrived)),
        `${method} arrived as ${methods}`,
      );
    }
  });
});
