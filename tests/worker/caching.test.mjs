// What one person was shown, no shared cache may show to another.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { privateCacheControl } from '../../src/worker/forward.js';
import { answering } from './support/origin.mjs';
import { startSite } from './support/site.mjs';

describe('Cache-Control of a protected answer', () => {
  const rows = [
    [null, 'private'],
    ['', 'private'],
    ['public', 'private'],
    ['private', 'private'],
    ['public, max-age=60', 'private, max-age=60'],
    ['PUBLIC, Max-Age=60', 'private, Max-Age=60'],
    ['max-age=60, s-maxage=600', 'private, max-age=60'],
    ['S-MaxAge=600', 'private'],
    ['s-maxage = 600, max-age = 60', 'private, max-age = 60'],
    ['s-maxage="600", max-age="60"', 'private, max-age="60"'],
    ['no-store', 'private, no-store'],
    ['public, no-store', 'private, no-store'],
    ['no-cache', 'private, no-cache'],
    ['public, max-age=0, must-revalidate', 'private, max-age=0, must-revalidate'],
    ['max-age=60, proxy-revalidate', 'private, max-age=60'],
    ['max-age=31536000, immutable', 'private, max-age=31536000, immutable'],
    [
      'max-age=60, stale-while-revalidate=30, stale-if-error=90',
      'private, max-age=60, stale-while-revalidate=30, stale-if-error=90',
    ],
    ['no-transform', 'private, no-transform'],
    // A list of headers is private, and so the rest is not: the whole has to be.
    ['private="set-cookie", max-age=60', 'private, max-age=60'],
    ['private="set-cookie, x-a", public', 'private'],
    // What stands in quotes is no directive, whatever it looks like.
    ['no-cache="x, public, s-maxage=9"', 'private, no-cache="x, public, s-maxage=9"'],
    ['no-cache="a\\", public", max-age=60', 'private, no-cache="a\\", public", max-age=60'],
    ['extension="public", public', 'private, extension="public"'],
    // What only begins like one is another directive.
    ['publicity=1, s-maxage-more=2, privately', 'private, publicity=1, s-maxage-more=2, privately'],
    // Badly written, as servers do.
    ['public,max-age=60', 'private, max-age=60'],
    [' , ,public,, max-age=60 ,', 'private, max-age=60'],
    ['public; max-age=60', 'private, max-age=60'],
    ['public max-age=60', 'private, max-age=60'],
    ['max-age', 'private, max-age'],
  ];
  for (const [value, expected] of rows) {
    test(`${value} becomes ${expected}`, () => assert.equal(privateCacheControl(value), expected));
  }

  test('every value becomes its own, however many there are and whenever they come again', () => {
    for (const time of [1, 2]) {
      for (let age = 0; age < 200; age += 1) {
        assert.equal(privateCacheControl(`public, max-age=${age}`), `private, max-age=${age}`, `time ${time}`);
      }
    }
  });

  test('never speaks to a shared cache, however it is written', () => {
    const pieces = [
      'public',
      's-maxage=600',
      'S-Maxage="600"',
      'private="a"',
      'proxy-revalidate',
      '"',
      '\\',
      ',',
      ';',
      ' ',
      '=',
      'x="',
      'max-age=60',
      '\t',
    ];
    for (const first of pieces) {
      for (const second of pieces) {
        for (const third of pieces) {
          const value = [first, second, third].join('');
          const edited = privateCacheControl(value);
          // Read as the most lenient cache would: quotes do not count, any separator does.
          const words = edited
            .replaceAll(/"[^"]*"/g, '')
            .toLowerCase()
            .split(/[\s,;]+/);
          assert.equal(words[0], 'private', value);
          assert.ok(!words.some((word) => /^(?:public|s-maxage)(?:$|=)/.test(word)), `${value} became ${edited}`);
        }
      }
    }
  });
});

for (const origin of ['service', 'zone', 'address']) {
  describe(`caching, with ${origin} as the origin`, { timeout: 20_000 }, () => {
    let site;
    let cookie;

    before(async () => {
      site = await startSite({ origin });
      ({ cookie } = await site.signIn({ path: '/a' }));
    });
    after(() => site.stop());

    const shared = [
      ['cache-control', 'public, max-age=60, s-maxage=600'],
      ['cdn-cache-control', 'max-age=600'],
      ['cloudflare-cdn-cache-control', 'max-age=600'],
      ['surrogate-control', 'max-age=600'],
      ['etag', '"v1"'],
      ['expires', 'Wed, 21 Oct 2065 07:28:00 GMT'],
      ['vary', 'Accept-Encoding'],
      ['age', '5'],
    ];

    for (const status of [200, 206, 301, 304, 404, 500]) {
      test(`a ${status} of a protected page is for the visitor alone`, async () => {
        const answer = await site.send('/x', {
          headers: { cookie, ...answering({ status, headers: [...shared, ['location', '/']] }) },
        });
        assert.equal(answer.status, status);
        assert.equal(answer.header('cache-control'), 'private, max-age=60');
        for (const name of ['cdn-cache-control', 'cloudflare-cdn-cache-control', 'surrogate-control']) {
          assert.equal(answer.header(name), undefined, name);
        }
        for (const [name, value] of shared.slice(4)) assert.equal(answer.header(name), value);
      });

      test(`a ${status} of a public page is for whom the origin says`, async () => {
        const answer = await site.send('/public/x', {
          headers: { cookie, ...answering({ status, headers: [...shared, ['location', '/']] }) },
        });
        assert.equal(answer.status, status);
        for (const [name, value] of shared) assert.equal(answer.header(name), value);
      });
    }

    test('an answer that says nothing of caches is private all the same', async () => {
      const answer = await site.send('/x', { headers: { cookie } });
      assert.equal(answer.header('cache-control'), 'private');
      const open = await site.send('/public/x', { headers: { cookie } });
      assert.equal(open.header('cache-control'), undefined);
    });

    test('several lines of Cache-Control are one', async () => {
      const lines = [
        ['cache-control', 'public'],
        ['cache-control', 's-maxage=600, max-age=60'],
      ];
      const answer = await site.send('/x', { headers: { cookie, ...answering({ headers: lines }) } });
      assert.equal(answer.header('cache-control'), 'private, max-age=60');
    });

    test('a reload asks the origin', async () => {
      await site.arrived();
      for (const headers of [{ 'cache-control': 'no-cache', pragma: 'no-cache' }, { 'cache-control': 'max-age=0' }]) {
        const answer = await site.send('/x', { headers: { cookie, ...headers } });
        assert.equal(answer.status, 200);
      }
      assert.equal((await site.arrived()).length, 2);
    });

    if (origin !== 'service') {
      test('what is fetched for one person does not come out of a cache', async () => {
        await site.arrived();
        await site.send('/x', { headers: { cookie } });
        await site.send('/public/x', { headers: { cookie } });
        const [mine, everybodys] = await site.arrived();
        assert.deepEqual([mine.header('cache-control'), mine.header('pragma')], ['no-cache', 'no-cache']);
        assert.deepEqual([everybodys.header('cache-control'), everybodys.header('pragma')], [undefined, undefined]);
      });
    }
  });
}
