// The gate's cookies stay between the gate and the browser; all others pass as they are.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { sendBytes } from './support/exchange.mjs';
import { answering } from './support/origin.mjs';
import { LOCAL, SECURE, startSite } from './support/site.mjs';

for (const origin of ['service', 'address']) {
  describe(`cookies, with ${origin} as the origin`, { timeout: 20_000 }, () => {
    let site;
    let cookie;

    before(async () => {
      site = await startSite({ origin });
      ({ cookie } = await site.signIn({ path: '/a' }));
    });
    after(() => site.stop());
    beforeEach(() => site.arrived());

    // On the left what the browser sends, ours as OURS; on the right what arrives.
    const rows = [
      ['OURS', undefined],
      ['a=1; OURS', 'a=1'],
      ['OURS; a=1', 'a=1'],
      ['a=1; OURS; b=2', 'a=1; b=2'],
      ['a=1;OURS;b=2', 'a=1; b=2'],
      ['a="x y"; OURS; b=%20=/+,c; flag', 'a="x y"; b=%20=/+,c; flag'],
      ['a=; OURS; =b', 'a=; =b'],
      ['a=1; a=2; OURS; a=1', 'a=1; a=2; a=1'],
      // Quotes that an origin may read as one value, from which a page would learn our cookie (RFC 2109, 4.1).
      ['$Version=1; a="b; OURS; c=d"; $Path=/', '$Version=1; a="b; c=d"; $Path=/'],
      ['OURS; portcullis-hint=h; a=1', 'a=1'],
      ['OURS; portcullis-login-abc=l; a=1', 'a=1'],
      ['OURS; __Host-portcullis=x; __Secure-portcullis-hint=y; __Host-portcullis-login-z=1; a=1', 'a=1'],
      ['OURS; portcullis_theme=dark; xportcullis=1; Portcullis=1', 'portcullis_theme=dark; xportcullis=1; Portcullis=1'],
    ];
    for (const [sent, expected] of rows) {
      test(`${sent} arrives as ${expected}`, async () => {
        const header = sent.replace('OURS', cookie);
        const answer = await site.send('/x', { headers: { cookie: header } });
        assert.equal(answer.status, 200);
        await site.send('/public/x', { headers: { cookie: header } });
        const arrived = await site.arrived();
        assert.deepEqual(
          arrived.map((each) => each.header('cookie')),
          [expected, expected],
        );
      });
    }

    // No browser sends several lines (RFC 6265, 5.4), so what is behind ours may be lost, but never ours be passed on.
    test('of ours on a line among others never arrive', async () => {
      for (const path of ['/x', '/public/x']) {
        for (const own of [cookie, 'portcullis=s', 'portcullis-hint=h', 'portcullis-login-x=l', '__Host-portcullis=s']) {
          await site.send(path, {
            headers: [
              ['Cookie', 'a=1'],
              ['Cookie', cookie],
              ['Cookie', own],
              ['Cookie', 'b=2'],
            ],
          });
        }
      }
      const arrived = await site.arrived();
      assert.ok(arrived.length >= 5);
      for (const each of arrived) assert.match(each.header('cookie'), /^a=1(?:, b=2)?$/);
    });

    test('that are none of ours pass byte for byte', async () => {
      for (const header of ['a=1;b=2', ' a = 1 ;; b', 'a=1, b=2', '"q;"=1']) {
        await site.send('/public/x', { headers: { cookie: header } });
        const [arrived] = await site.arrived();
        assert.equal(arrived.header('cookie'), header.trim());
      }
    });

    // More than any browser sends, and than some origins take: the gate's own reading has its bound.
    const many = Array.from({ length: 100 }, (_, index) => `c${index}=${'v'.repeat(index)}`);
    const amounts = [
      ['100 cookies around it', `${many.slice(0, 50).join('; ')}; OURS; ${many.slice(50).join('; ')}`, many.join('; '), true],
      ['100 of ours that are none', `${many.map((_, index) => `portcullis-login-${index}=x`).join('; ')}; OURS; a=1`, 'a=1', true],
      ['a value of 16 KB', `OURS; a=${'x'.repeat(16_384)}`, `a=${'x'.repeat(16_384)}`, true],
      ['a session of 16 KB', `portcullis=${'x'.repeat(16_384)}; a=1`, 'a=1', false],
      ['its session twice', 'OURS; OURS; a=1', 'a=1', false],
      ['a session beside it that is none', 'OURS; portcullis=x; a=1', 'a=1', false],
      ['16 KB of commas', `OURS; a=${','.repeat(16_384)}`, `a=${','.repeat(16_384)}`, true],
      ['more than is read', `OURS; a=${'x'.repeat(66_000)}`, `a=${'x'.repeat(66_000)}`, false],
    ];
    // A server of Node takes no more than 16 KB of headers.
    for (const [what, sent, expected, signedIn] of origin === 'address' ? amounts.slice(0, 2) : amounts) {
      test(`with ${what} are ${signedIn ? 'still' : 'no longer'} a session, and stay here`, async () => {
        const header = sent.replaceAll('OURS', cookie);
        assert.equal((await site.send('/x', { headers: { cookie: header } })).status, signedIn ? 200 : 401);
        assert.equal((await site.send('/public/x', { headers: { cookie: header } })).status, 200);
        const arrived = await site.arrived();
        assert.equal(arrived.length, signedIn ? 2 : 1);
        for (const each of arrived) assert.equal(each.header('cookie'), expected);
      });
    }

    test('among bytes that are no text are read, and the others pass as the platform writes them', async () => {
      const session = cookie.split('; ').find((one) => one.startsWith('portcullis='));
      const lines = [`a=\xff\xfe; ${session}; b=\xc3\x28`, `${session}\xa0`, `${session}\xe9; a=1`, `a=\xe9`];
      const expected = [200, 401, 401, 401];
      for (const [index, line] of lines.entries()) {
        const status = await sendBytes(site.gate.url, `GET /x HTTP/1.1\r\nHost: localhost\r\nCookie: ${line}\r\n\r\n`);
        assert.equal(status, expected[index], JSON.stringify(line));
        assert.equal(await sendBytes(site.gate.url, `GET /public/x HTTP/1.1\r\nHost: localhost\r\nCookie: ${line}\r\n\r\n`), 200);
      }
      for (const each of await site.arrived()) assert.doesNotMatch(each.header('cookie') ?? '', /portcullis/);
    });

    const theirs = [
      'a=1',
      'b="x, y"; Expires=Wed, 21 Oct 2065 07:28:00 GMT; Path=/; HttpOnly',
      'a=2; Domain=example.com; SameSite=None; Secure; Partitioned',
      'portcullis_theme=dark',
      'portcullis-loginx=1',
      'xportcullis=1',
      'theirs=portcullis=1',
      'flag',
    ];
    const ours = [
      'portcullis=forged',
      'portcullis=; Max-Age=0',
      '  portcullis  =forged; Path=/x',
      'portcullis',
      'portcullis-hint=forged',
      'portcullis-login-abc=forged',
      '__Host-portcullis=forged; Secure; Path=/',
      '__Host-portcullis-login-abc=forged; Secure; Path=/',
      '__Secure-portcullis-hint=forged; Secure',
      // A cookie without a name is sent as its value alone, which then reads as one of ours.
      '=portcullis=forged',
      ' = __Host-portcullis=forged; Secure',
    ];
    for (const path of ['/public/x', '/x']) {
      test(`that the origin sets on ${path} stay but for those with our names`, async () => {
        const lines = theirs
          .flatMap((line, index) => [line, ours[index]])
          .concat(ours.slice(theirs.length))
          .filter(Boolean);
        const answer = await site.send(path, {
          headers: { cookie, ...answering({ headers: lines.map((line) => ['set-cookie', line]) }) },
        });
        assert.deepEqual(answer.all('set-cookie'), theirs);
      });

      test(`that the origin sets on ${path} do not write our session, whatever the status`, async () => {
        for (const status of [200, 204, 302, 304, 404, 500]) {
          const answer = await site.send(path, {
            headers: {
              cookie,
              ...answering({
                status,
                headers: [
                  ['set-cookie', 'portcullis=forged'],
                  ['set-cookie', 'a=1'],
                  ['location', '/'],
                ],
              }),
            },
          });
          assert.deepEqual([answer.status, answer.all('set-cookie')], [status, ['a=1']]);
        }
      });
    }
  });
}

describe('the gate sets', { timeout: 20_000 }, () => {
  let local;
  let secure;

  before(async () => {
    [local, secure] = await Promise.all([startSite(), startSite({ gate: { https: true } })]);
  });
  after(() => Promise.all([local.stop(), secure.stop()]));

  async function linesOf(site, address) {
    const { steps } = await site.signIn({ site: address, path: '/a' });
    return steps
      .filter(({ url }) => url.startsWith(`${address}/`))
      .flatMap(({ answer }) => answer.all('set-cookie'))
      .sort();
  }

  test('over https, cookies that only this host can have set', async () => {
    const lines = await linesOf(secure, SECURE);
    const expected = [
      /^__Host-portcullis-login-[\w-]{8,}=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
      /^__Host-portcullis-login-[\w-]{8,}=[\w-]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/,
      /^__Host-portcullis=[\w.-]+; Path=\/; Max-Age=28800; HttpOnly; SameSite=Lax; Secure$/,
      /^__Secure-portcullis-hint=[\w-]+; Path=\/\.auth\/logout; Max-Age=28800; HttpOnly; SameSite=Lax; Secure$/,
    ];
    for (const pattern of expected)
      assert.ok(
        lines.some((line) => pattern.test(line)),
        `${pattern}\n${lines.join('\n')}`,
      );
    assert.equal(lines.length, expected.length);
    for (const line of lines) assert.ok(line.split(';')[0].length < 4096);
  });

  test('on this machine, the same without prefix and Secure', async () => {
    const lines = await linesOf(local, LOCAL);
    assert.equal(lines.length, 4);
    for (const line of lines)
      assert.match(line, /^portcullis(?:-hint|-login-[\w-]+)?=[\w.-]+; Path=[/\w.]+; Max-Age=\d+; HttpOnly; SameSite=Lax$/);
  });

  test('nothing while somebody who is signed in goes about', async () => {
    const { cookie } = await local.signIn({ path: '/a' });
    for (const path of ['/a', '/public/a', '/admin/a', '/.auth/me', '/.auth/health', '/.auth/signed-out', '/.auth/logout']) {
      const answer = await local.send(path, { headers: { cookie } });
      assert.deepEqual(answer.all('set-cookie'), [], path);
    }
  });
});
