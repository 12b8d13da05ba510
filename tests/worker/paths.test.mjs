// A path is judged in every reading that an origin could make of it, and forwarded as it came.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { sendBytes } from './support/exchange.mjs';
import { LOCAL, startSite } from './support/site.mjs';

const rules = [
  { path: '/public/**', sso: false },
  { path: '/files/*/open', sso: false },
  { path: '/admin/**', allow: [{ group: 'admins' }] },
];

for (const origin of ['service', 'zone', 'address']) {
  describe(`a path, with ${origin} as the origin`, { timeout: 30_000 }, () => {
    let site;
    let ada;
    let bob;

    before(async () => {
      site = await startSite({ origin, settings: { rules } });
      ({ cookie: ada } = await site.signIn({ path: '/a' }));
      ({ cookie: bob } = await site.signIn({ path: '/a', user: 'bob' }));
    });
    after(() => site.stop());
    beforeEach(() => site.arrived());

    /** Sends the target byte for byte, and resolves with the status. */
    const ask = (target, cookie) =>
      sendBytes(site.gate.url, `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${cookie ? `Cookie: ${cookie}\r\n` : ''}\r\n`);

    /** Path and query of what arrived, unparsed. */
    async function targets() {
      return (await site.arrived()).map(({ url }) => url.replace(LOCAL, ''));
    }

    // All readings are public, or all need sign-in: on to the origin without a change.
    const agreeing = [
      '/public/',
      '/public/a%2Fb',
      '/public/a%2fb',
      '/public/a%252Fb',
      '/public/a%5Cb',
      '/public/a\\b',
      '/public/a/%2e%2e/b',
      '/public/a/%2E%2e/b',
      '/public/a/.%2e/b',
      '/public/a/%2e/b',
      '/public/a//b///c',
      '/public/a;v=1/b;w',
      '/public/%61%7E',
      '/public/caf%C3%A9/caf%c3%a9',
      '/public/a%20b%22%3C%3E%5E%60%7B%7C%7D',
      '/public/a"<>^`{|}b',
      "/public/!$&'()*+,=:@-._~",
      '/public/a%3Fb%23c',
      '/public/100%25',
      '/public/x?',
      '/public/x?a=1&a=2&&=b&c',
      '/public/x?q=%2F..%2f%00%zz%&é=%C3',
      '/public/x?/../admin/..;/.auth/login',
      '/public/x?a?b?',
      '/public/x?a+b%20c',
      '/public/x?\'"<>`{|}\\^[]',
      '/public/.hidden',
      '/public/...',
      '/public/..a/b..',
      '/admin/%61',
      '/admin/x%2Fy',
      '/admin',
      '/admin/',
      '/x',
      '/x/%C3%A9?a',
    ];
    for (const target of agreeing) {
      const { pathname, search } = new URL(`http://localhost${target}`);
      const bytes = Buffer.from(target).toString('latin1');
      // What is fetched by its address is parsed once more: a path that would change is not sent at all.
      if (origin === 'address' && pathname !== target.split('?')[0]) {
        test(`${target} would arrive otherwise, and does not`, async () => {
          assert.equal(await ask(bytes, ada), 400);
          assert.deepEqual(await targets(), []);
        });
        continue;
      }
      const written = origin === 'address' && search ? `${pathname}${search}` : target;
      test(`${target} arrives as it was sent${written === target ? '' : ', its query escaped'}`, async () => {
        assert.equal(await ask(bytes, ada), 200);
        assert.deepEqual(await targets(), [written]);
        const open = target.startsWith('/public/');
        assert.equal(await ask(bytes), open ? 200 : 401);
        assert.deepEqual(await targets(), open ? [written] : []);
      });
    }

    // One reading is public or Bob's, another is not.
    const ambiguous = [
      '/public/..%2fadmin/x',
      '/public/..%2Fadmin',
      '/public/%2e%2e/admin/x',
      '/public/%2e%2e%2fadmin',
      '/public/.%2e/x',
      '/public/..;/admin/x',
      '/public/..;a=b/x',
      '/public/..\\admin',
      '/public\\..\\admin',
      '/public/..%5cadmin',
      '/public/..%5Cadmin',
      '/public/..%252fadmin',
      '/public/%252e%252e/admin',
      '/public/..%25252fadmin',
      '/public/..%255cadmin',
      // `%2F` stays as it is, and `\\` separates.
      '/public/a%2fb/..%5c..%5cadmin/secret',
      '/x%2fy/..%5cadmin/secret',
      '/public/x/..%2f..%2fadmin',
      '/%70ublic/x',
      '/public%2fx',
      '/public%5Cx',
      '/public\\x',
      '/public;x/y',
      '//public/x',
      '/x//%2e%2e//public/x',
      '/%61dmin',
      '/%2561dmin/x',
      '/admin%2fx',
      '/admin;/x',
      '/admin%3b/x',
      '//admin/x',
      '/\\admin',
      '/x/%2e%2e/admin',
      '/x/..%2fadmin',
      // Parsed as a reference, it names a host and begins behind it.
      '//x/admin/secret',
      '///x/admin/secret',
      '//x@y:1/admin/secret',
      '/\\x/public/a',
      '/%2fx/admin/secret',
      // Cut at the first parameter, to the end.
      '/files/secret;/open',
      // A session's id that ASP.NET takes out.
      '/(S(lit3py55t21z5v55vlm25s55))/admin/secret',
      '/(A(x)F(y))/public/a',
      '/ad/(S(x))min/secret',
      // A name without the dots at its end, three dots that are one, a backslash that is nothing.
      '/admin./secret',
      '/admin%2e./secret',
      // Nor spaces at its end, nor what Windows allows behind it.
      '/admin%20/secret',
      '/admin:$i30:$INDEX_ALLOCATION/secret',
      '/.../admin/secret',
      '/a%5cdmin/secret',
      '/files/a%2Fb/open',
      '/files/..%2Fopen/open',
      '/files/a/open;/%2e%2e/open',
      '/files/a/x%2f..%2fopen',
    ];
    for (const target of ambiguous) {
      test(`${target} goes nowhere`, async () => {
        for (const cookie of [undefined, bob, ada]) assert.equal(await ask(target, cookie), 400);
        assert.deepEqual(await targets(), []);
      });
    }

    const unreadable = [
      '/public/%00',
      '/public/%2500',
      '/public/%0a',
      '/public/%0d%0aX-Auth-Email:x',
      '/public/%7f',
      '/public/%ff',
      '/public/%c0%af',
      '/public/%C3',
      '/public/\xff',
      '/public/..\xc0\xafadmin/x',
      '/public/\xe9',
      '/public/%zz',
      '/public/%4',
      '/public/%',
      '/public/%u0041',
      '/public/%2525252e',
      '/public/%252525252e',
      '/public/\x01',
      '/x/%00',
      '/admin/%ff',
    ];
    for (const target of unreadable) {
      test(`${JSON.stringify(target)} cannot be read`, async () => {
        for (const cookie of [undefined, ada]) assert.equal(await ask(target, cookie), 400);
        assert.deepEqual(await targets(), []);
      });
    }

    const own = [
      '/.auth',
      '/.auth/',
      '/.auth/x',
      '/.auth/login/',
      '/.auth/login/x',
      '/.auth/Login',
      '/.auth//login',
      '/.auth/login%2f',
      '/.auth/./login;x',
      '/.auth;x/login',
      '/.auth%2flogin',
      '/.auth%5clogin',
      '/.auth\\login',
      '//.auth/login',
      '//x/.auth/me',
      '/%2eauth/login',
      '/%2Eauth/callback?code=c&state=s',
      '/%252eauth/login',
      '/.aut%68/login',
      '/.auth/%6cogin',
      '/public/..%2f.auth/login',
      '/public/%2e%2e/.auth/me',
      '/public/..;/.auth/logout',
      '/public/..\\.auth/me',
      '/x/%2e%2e/%2eauth/me',
    ];
    for (const target of own) {
      test(`${target} is never the origin's`, async () => {
        for (const cookie of [undefined, ada]) assert.equal(await ask(target, cookie), 404);
        assert.deepEqual(await targets(), []);
      });
    }

    test("what only looks like our prefix is the origin's", async () => {
      for (const target of ['/.authx', '/x/.auth', '/auth', '/.AUTH/login', '/.auth2/login', '/public/.auth/login']) {
        assert.equal(await ask(target, ada), 200, target);
        assert.deepEqual(await targets(), [target]);
      }
    });

    test('what is no path goes nowhere', async () => {
      for (const target of [
        '*',
        'public/x',
        '?public',
        '',
        'http://localhost/public/x',
        'http://evil.example/public/x',
        'javascript:x',
        '\\public\\x',
      ]) {
        assert.ok([400, 404, 421, 500, undefined].includes(await ask(target, ada)), target);
      }
      assert.deepEqual(await targets(), []);
    });

    // The same at every run: a path is made of what somebody puts in who means no good.
    test('as a strict URL parser reads it is judged alike, whatever it is made of', async () => {
      const pieces = '/ / // \\ %2f %2F %5c %252f . .. /../ /./ %2e %2E%2e /%2e%2e/ ; ;x ..;/ a b public/ admin/ files/ /open .auth/ %61 %70ublic %C3%A9 %20 | ^ " ? # ?/../ %'.split(' ');
      let state = 20_270_118;
      const random = (end) => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return Math.floor((state / 2 ** 32) * end);
      };
      const open = (pathname) => /^\/public(?:\/|$)/.test(pathname) || /^\/files\/[^/]+\/open\/?$/.test(pathname);
      let forwarded = 0;
      for (let round = 0; round < 250; round += 1) {
        const start = ['/', '/public/', '/public/', '/files/', '/admin/'][random(5)];
        const target = start + Array.from({ length: 1 + random(6) }, () => pieces[random(pieces.length)]).join('');
        const status = await ask(target);
        const arrived = await targets();
        assert.ok([200, 400, 401, 404].includes(status), `${target}: ${status}`);
        assert.equal(arrived.length, status === 200 ? 1 : 0, target);
        if (status !== 200) continue;
        forwarded += 1;
        const strict = new URL(`http://localhost${target}`);
        assert.ok(open(strict.pathname), `${target} is forwarded, and read as ${strict.pathname}`);
        if (target.includes('#')) continue;
        // The runtime resolves plain dots before anybody sees the path; what is fetched by its address has its
        // query written anew.
        const sent = withoutDots(target);
        const written = origin === 'address' ? `${sent.split('?')[0]}${strict.search || (sent.endsWith('?') ? '?' : '')}` : sent;
        assert.equal(arrived[0], written, target);
      }
      assert.ok(forwarded > 20, `${forwarded} were forwarded`);
    });

    test('a refusal is logged by its code, with the path and without the query', async () => {
      await ask('/public/..%2fadmin?token=t0ps3cret');
      const { record } = await site.gate.logs.until((entry) => entry.record?.path === '/public/..%2fadmin');
      assert.deepEqual([record.event, record.code], ['refused', 'path_ambiguous']);
      await ask('/public/%00?token=t0ps3cret');
      await site.gate.logs.until((entry) => entry.record?.code === 'path_unreadable' && entry.record.path === '/public/%00');
      assert.ok(!site.gate.logs.some(({ message }) => message.includes('t0ps3cret')));
    });
  });
}

/** RFC 3986, 5.2.4, with the query behind it left alone. */
function withoutDots(target) {
  const cut = target.indexOf('?');
  const [path, query] = cut < 0 ? [target, ''] : [target.slice(0, cut), target.slice(cut)];
  const segments = path.slice(1).split('/');
  const kept = [];
  for (const [index, segment] of segments.entries()) {
    if (segment === '..') kept.pop();
    const dots = segment === '.' || segment === '..';
    if (!dots) kept.push(segment);
    else if (index === segments.length - 1) kept.push('');
  }
  return `/${kept.join('/')}${query}`;
}
