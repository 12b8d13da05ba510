// What the origin answers comes back as it was, wherever the origin stands.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { answering } from './support/origin.mjs';
import { startSite } from './support/site.mjs';

const zipped = gzipSync('a page, compressed by the origin').toString('base64');

for (const origin of ['service', 'zone', 'address']) {
  describe(`an answer, with ${origin} as the origin`, { timeout: 20_000 }, () => {
    let site;
    let cookie;

    before(async () => {
      site = await startSite({ origin });
      ({ cookie } = await site.signIn({ path: '/a' }));
    });
    after(() => site.stop());

    const paths = ['/public/x', '/x'];
    /** Asks on a public path and on a protected one. */
    async function both(answer, { headers, ...options } = {}) {
      const answers = [];
      for (const path of paths)
        answers.push(await site.send(path, { headers: { cookie, ...headers, ...answering(answer) }, ...options }));
      return answers;
    }

    for (const [status, statusText] of [
      [200, 'OK'],
      [201, 'Made it'],
      [404, 'Nowhere'],
      [418, 'Short And Stout'],
      [500, 'Broken'],
      [503, 'Later'],
    ]) {
      test(`${status} is passed on with its reason and its body`, async () => {
        for (const answer of await both({ status, statusText, headers: [['x-theirs', 'kept']], body: 'theirs' })) {
          assert.deepEqual([answer.status, answer.statusText, answer.body], [status, statusText, 'theirs']);
          assert.equal(answer.header('x-theirs'), 'kept');
        }
      });
    }

    for (const status of [301, 302, 303, 307, 308]) {
      test(`a ${status} is passed on and not followed`, async () => {
        for (const location of ['/elsewhere', 'https://elsewhere.example/a?b#c', '../x', '//elsewhere.example/']) {
          await site.arrived();
          for (const answer of await both({ status, headers: [['location', location]], body: 'moved' })) {
            assert.deepEqual([answer.status, answer.header('location'), answer.body], [status, location, 'moved']);
          }
          assert.equal((await site.arrived()).length, paths.length);
        }
      });
    }

    test('a part of a body is asked for and passed on as a part', async () => {
      const part = {
        status: 206,
        headers: [
          ['content-range', 'bytes 2-4/10'],
          ['accept-ranges', 'bytes'],
        ],
        body: '234',
      };
      await site.arrived();
      for (const answer of await both(part, { headers: { range: 'bytes=2-4', 'if-range': '"v1"' } })) {
        assert.deepEqual([answer.status, answer.header('content-range'), answer.body], [206, 'bytes 2-4/10', '234']);
      }
      for (const arrived of await site.arrived()) {
        assert.deepEqual([arrived.header('range'), arrived.header('if-range')], ['bytes=2-4', '"v1"']);
      }
    });

    test('what has not changed is a 304', async () => {
      const conditions = { 'if-none-match': 'W/"v1", "v2"', 'if-modified-since': 'Sat, 01 Jan 2000 00:00:00 GMT' };
      await site.arrived();
      for (const answer of await both({ status: 304, headers: [['etag', '"v2"']] }, { headers: conditions })) {
        assert.deepEqual([answer.status, answer.header('etag'), answer.body], [304, '"v2"', '']);
      }
      for (const arrived of await site.arrived()) {
        for (const [name, value] of Object.entries(conditions)) assert.equal(arrived.header(name), value);
      }
    });

    test('204 has no body', async () => {
      for (const answer of await both({ status: 204, headers: [['x-theirs', 'kept']] })) {
        assert.deepEqual([answer.status, answer.header('x-theirs'), answer.body], [204, 'kept', '']);
      }
    });

    test('HEAD has the headers and no body', async () => {
      for (const answer of await both(
        {
          headers: [
            ['etag', '"v1"'],
            ['x-theirs', 'kept'],
          ],
        },
        { method: 'HEAD' },
      )) {
        assert.deepEqual([answer.status, answer.header('etag'), answer.body], [200, '"v1"', '']);
      }
    });

    test('a preflight gets what the origin answers to it', async () => {
      const cors = [
        ['access-control-allow-origin', 'https://app.example'],
        ['access-control-allow-methods', 'PUT'],
      ];
      for (const answer of await both(
        { status: 204, headers: cors },
        { method: 'OPTIONS', headers: { origin: 'https://app.example' } },
      )) {
        assert.deepEqual([answer.status, ...cors.map(([name]) => answer.header(name))], [204, 'https://app.example', 'PUT']);
      }
    });

    for (const encoding of ['gzip', 'br', 'something-else']) {
      test(`a body in ${encoding} is asked for and passed on as it is`, async () => {
        const accepted = `gzip, br;q=0.5, ${encoding}`;
        const encoded = {
          headers: [
            ['content-encoding', encoding],
            ['vary', 'Accept-Encoding'],
          ],
          base64: zipped,
        };
        await site.arrived();
        for (const answer of await both(encoded, { headers: { 'accept-encoding': accepted } })) {
          assert.equal(answer.header('content-encoding'), encoding);
          assert.equal(answer.bytes.toString('base64'), zipped);
        }
        for (const arrived of await site.arrived()) assert.equal(arrived.header('accept-encoding'), accepted);
      });
    }

    test('a body of bytes that are no text is passed on byte for byte', async () => {
      for (const answer of await both({ fill: 5000, headers: [['content-type', 'application/octet-stream']] })) {
        assert.deepEqual(answer.bytes, Buffer.from(Uint8Array.from({ length: 5000 }, (_, index) => index % 251)));
      }
    });

    // The other origins are Workers, and make no such answer.
    if (origin === 'address') {
      test('a status that no answer can be made anew with is a 502 that says so', async () => {
        const [open, own] = await both({ status: 999, body: 'theirs' });
        assert.deepEqual([open.status, open.body], [999, 'theirs']);
        assert.deepEqual([own.status, own.header('cache-control')], [502, 'no-store']);
        assert.match(own.body, /^Code origin_unpassable, request \w{12}$/m);
      });
    }

    test('an origin that fails is a 502 that says nothing of why', async () => {
      const seen = site.gate.logs.length;
      for (const answer of await both({ fail: true })) {
        assert.deepEqual([answer.status, answer.header('cache-control')], [502, 'no-store']);
        assert.doesNotMatch(answer.body, /as it was asked|Error|SITE/);
        const request = /^Code origin_unreachable, request (\w{12})$/m.exec(answer.body)?.[1];
        await site.gate.logs.until(({ record }) => record?.request === request);
      }
      await site.gate.logs.until((entry) => site.gate.logs.indexOf(entry) >= seen && entry.record?.code === 'origin_unreachable');
    });
  });
}
