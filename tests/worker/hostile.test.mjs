// Requests that no client of good will sends, byte for byte: what arrives is nobody's but the gate's word,
// and the gate is there for the next one.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { sendBytes } from './support/exchange.mjs';
import { LOCAL, rules, startSite } from './support/site.mjs';

const APP = 'https://app.example';
const REST = [
  { path: '/optional/**', sso: 'optional' },
  { path: '/api/**', preflight: true, origins: [APP] },
];
/** Identity as nobody should be able to send it; each with what the platform may say of it. */
const FORGERIES = [
  ['on a line that goes on', ['X-Auth-Email:', '  forged']],
  ['with space before the colon', ['X-Auth-Email : forged']],
  ['with a tab before the colon', ['X-Auth-Email\t: forged']],
  ['on a line that begins with space', [' X-Auth-Email: forged']],
  ['with a NUL in its name', ['X-Auth\0Email: forged']],
  ['with a byte outside ASCII in its name', ['X-Auth\xadEmail: forged']],
  ['with other bytes outside ASCII in its name', ['X\xa0Auth\xffEmail: forged', 'x-auth\x96subject: forged']],
  ['with a character outside ASCII in its name', ['X-Auth\u00c2\u00adEmail: forged']],
  ['behind a bare line feed', ['X-Other: a\nX-Auth-Email: forged']],
  ['behind a bare carriage return', ['X-Other: a\rX-Auth-Email: forged']],
  ['with bytes that are no text in its value', ['X_Auth_Email: forged\xff\xfe']],
  ['empty, and once more', ['X-Auth-Email:', 'X-Auth-Email: forged', 'x_auth.email: forged']],
  ['a hundred times over', Array.from({ length: 100 }, (_, index) => `X${'-_.~'[index % 4]}Auth-Groups: forged`)],
  ['in 16 KB', [`X-Auth-Groups: forged${',admins'.repeat(2_300)}`]],
  ['named by Connection', ['Connection: X-Auth-Subject, keep-alive', 'X-Auth-Subject: forged']],
  ['in a trailer', ['Trailer: X-Auth-Email', 'TE: trailers']],
];
/** Other headers that the gate reads, doubled, joined, too long and not text. */
const DISTURBANCES = [
  ['a name without a name', [': x']],
  ['two origins', [`Origin: ${APP}`, 'Origin: https://evil.example']],
  ['joined origins', [`Origin: ${APP}, https://evil.example`]],
  ['an origin that is no text', ['Origin: \xff\xfe']],
  ['two methods of a preflight', ['Access-Control-Request-Method: GET', 'Access-Control-Request-Method: POST']],
  ['doubled fetch metadata', ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: document', 'Sec-Fetch-Dest: empty', 'Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: none']],
  ['a long accept', [`Accept: ${'text/html,'.repeat(1_600)}*/*`]],
  ['500 headers', Array.from({ length: 500 }, (_, index) => `X-Other-${index}: ${index}`)],
  ['a 16 KB value that is no text', [`X-Other: ${'\xff'.repeat(16_384)}`]],
  ['16 KB of cookies of ours', [`Cookie: ${'portcullis-login-x=y; '.repeat(780)}`]],
  ['an upgrade to something', ['Upgrade: h2c, websocket', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAAQAAP__']],
  ['a forged place', ['CF-Connecting-IP: 192.0.2.1', 'CF-IPCountry: CH', 'X-Forwarded-For: 192.0.2.1', 'Forwarded: for=192.0.2.1']],
];
const ROUTES = [
  ['a public path', 'GET /public/x', []],
  ['an optional path', 'GET /optional/x', []],
  ['a protected path', 'GET /x', []],
  ['a preflight', 'OPTIONS /api/x', [`Origin: ${APP}`, 'Access-Control-Request-Method: POST']],
  ['a refused path', 'GET /public/..%2fx', []],
  ['an own address', 'GET /.auth/me', []],
];

for (const origin of ['service', 'zone', 'address']) {
  describe(`hostile headers, with ${origin} as the origin`, { timeout: 60_000 }, () => {
    let site;
    let cookie;

    before(async () => {
      site = await startSite({ origin, settings: { rules: [...rules, ...REST] } });
      ({ cookie } = await site.signIn({ path: '/a' }));
    });
    after(() => site.stop());
    beforeEach(() => site.arrived());

    const ask = (start, lines) =>
      sendBytes(site.gate.url, `${start} HTTP/1.1\r\nHost: localhost\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`);
    const isThere = async () => assert.equal((await site.send('/.auth/health')).status, 200);

    /** What arrived says of who it is. */
    const subjects = async () => (await site.arrived()).map((each) => each.header('x-auth-subject'));

    for (const [how, lines] of FORGERIES) {
      test(`identity ${how} arrives on no path`, async () => {
        for (const [route, start, own] of ROUTES) {
          for (const session of [[], [`Cookie: ${cookie}`]]) {
            await ask(start, [...own, ...lines, ...session]);
            for (const each of await site.arrived()) {
              // Where the forgery is the value of another header, it is that header's.
              const forged = each.headers.filter(([name, value]) => /^x.{1,2}auth/i.test(name) && value.includes('forged'));
              assert.deepEqual(forged, [], route);
              assert.ok([undefined, 'ada'].includes(each.header('x-auth-subject')), route);
              assert.ok(session.length || each.header('x-auth-subject') === undefined, route);
            }
          }
        }
        await isThere();
      });
    }

    // CVE-2022-31813, CVE-2024-45410: who is said to be nobody may be let in where somebody would not be.
    test('nothing that the gate says is taken away by naming it in Connection (RFC 9110, 7.6.1)', async () => {
      const told = async (...lines) => {
        assert.equal(await ask('GET /x', [`Cookie: ${cookie}`, ...lines]), 200);
        const [{ headers }] = await site.arrived();
        return headers.filter(([name]) => /^x-auth-/i.test(name));
      };
      const plain = await told();
      assert.ok(plain.length > 3);
      const named = plain.map(([name]) => name).join(', ');
      assert.deepEqual(await told(`Connection: close, ${named}`), plain);
      assert.deepEqual(await told('Connection: close', `Connection: ${named.toUpperCase()}`), plain);
    });

    test('nothing behind a body is a header of it (RFC 9110, 6.5.1)', async () => {
      const trailers = [];
      const answer = site.server?.answer;
      if (answer) {
        site.server.answer = (request, response) => {
          request.once('end', () => trailers.push(...request.rawTrailers));
          answer(request, response);
        };
      }
      for (const [path, own] of [['/public/x', ''], ['/x', `Cookie: ${cookie}\r\nOrigin: ${LOCAL}\r\n`]]) {
        const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${own}Transfer-Encoding: chunked\r\nTrailer: X-Auth-Email\r\n\r\n`;
        assert.equal(await sendBytes(site.gate.url, `${head}3\r\nabc\r\n0\r\nX-Auth-Email: forged\r\nX-Original-URL: forged\r\n\r\n`), 200, path);
        const [{ headers }] = await site.arrived();
        assert.ok(!headers.some(([, value]) => value.includes('forged')), path);
      }
      assert.deepEqual(trailers, []);
    });

    for (const [what, lines] of DISTURBANCES) {
      test(`${what} make nobody somebody, and nothing break`, async () => {
        for (const [route, start, own] of ROUTES) {
          const status = await ask(start, [...own, ...lines]);
          assert.ok(status === undefined || status < 500, `${route}: ${status}`);
          assert.ok((await subjects()).every((subject) => subject === undefined), route);
          // Somebody who is signed in is still nobody else.
          await ask(start, [...own, `Cookie: ${cookie}`, ...lines]);
          assert.ok((await subjects()).every((subject) => [undefined, 'ada'].includes(subject)), route);
        }
        await isThere();
        assert.ok(!site.gate.logs.some(({ record }) => record?.event === 'gate_trouble'));
      });
    }

    test('a change takes its word for who sends it from one header alone', async () => {
      const post = (...lines) => ask('POST /api/x', ['Content-Length: 0', `Cookie: ${cookie}`, ...lines]);
      assert.equal(await post(`Origin: ${APP}`), 200);
      for (const lines of [
        [`Origin: ${APP}`, 'Origin: https://evil.example'],
        ['Origin: https://evil.example', `Origin: ${APP}`],
        [`Origin: ${APP}, ${APP}`],
        [`Origin: ${APP}\xff`],
        [`Origin: ${APP}/`],
        [`Origin: ${APP.toUpperCase()}`],
        ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: cross-site'],
        ['Sec-Fetch-Site: same-origin, same-origin'],
        ['Sec-Fetch-Site: SAME-ORIGIN'],
        ['Sec-Fetch-Site: same-origin', 'Origin: https://evil.example'],
      ]) {
        assert.equal(await post(...lines), 403, lines.join(' | '));
      }
      assert.deepEqual(await subjects(), ['ada']);
    });
  });
}
