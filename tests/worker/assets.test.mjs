// Static assets: the binding serves one file under several addresses and redirects between them. A rule
// that names the file guards every one of them.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startSite } from './support/site.mjs';

const SECRET = 'for admins';
const files = {
  'index.html': 'the first page',
  'open.txt': 'for everybody',
  '404.html': 'not here',
  'a/secret.html': SECRET,
  'a/index.html': 'a list',
  'b/index.html': SECRET,
  'c/deep/page.html': SECRET,
  'd/data.json': SECRET,
  'e.html': SECRET,
  'e/inside.html': 'beside it',
  'f/index.html': SECRET,
  'f/other.html': SECRET,
  'g/secret.html': SECRET,
  'h/index.html': SECRET,
  'h/deep/index.html': SECRET,
  'i/index.html': SECRET,
  'j/.html': SECRET,
  'members/index.html': 'for the signed in',
  _redirects: [
    '/old /a/secret.html 302',
    '/older /a/secret 301',
    '/short /b/ 307',
    '/away https://elsewhere.example/ 302',
    '/move/* /a/:splat 302',
    '/rewritten/* /a/:splat 200',
  ].join('\n'),
  _headers:
    '/open.txt\n  X-From-Headers: yes\n  Cache-Control: public, s-maxage=600\n/members/*\n  Cache-Control: public, s-maxage=600\n',
};
const rules = [
  { path: '/a/secret.html', allow: [{ group: 'admins' }] },
  { path: '/b/index.html', allow: [{ group: 'admins' }] },
  { path: '/c/**/*.html', allow: [{ group: 'admins' }] },
  { path: '/d/*.json', allow: [{ group: 'admins' }] },
  { path: '/e.html', allow: [{ group: 'admins' }] },
  { path: '/f/*.html', allow: [{ group: 'admins' }] },
  { path: '/f/**', sso: false },
  { path: '/g/secret.*', allow: [{ group: 'admins' }] },
  { path: '/g/**', sso: false },
  { path: '/h/**/*.html', allow: [{ group: 'admins' }] },
  { path: '/i/*', allow: [{ group: 'admins' }] },
  { path: '/j/*.h*', allow: [{ group: 'admins' }] },
  { path: '/rewritten/**', allow: [{ group: 'admins' }] },
  { path: '/members/**' },
  { path: '/**', sso: false },
];

const GUARDED = '/a/secret /b /c/deep/page /d/data.json /e /f /f/other /g/secret /h /h/deep /i /j'.split(' ');

let directory;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portcullis-assets-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
});
after(() => rm(directory, { recursive: true }));

// Ways to write what may stand behind a page's name, and what may stand before it.
const behind = {
  plain: ['', '/', '.html', '/index', '/index.html'],
  odd: [
    '.html/',
    '/index/',
    '.HTML',
    '%2ehtml',
    '%2Findex.html',
    ';x',
    '/./index.html',
    '//',
    '\\index.html',
    '/%2e',
    '%20',
    '?index.html',
    '/%69ndex.html',
  ],
};
const ahead = {
  plain: [(page) => page, (page) => `/x/..${page}`],
  odd: [
    (page) => `/${page}`,
    (page) => `/x/%2e%2e${page}`,
    (page) => `/%2e${page}`,
    (page) => `/x%2f..${page}`,
    (page) => `/%${page.charCodeAt(1).toString(16)}${page.slice(2)}`,
  ],
};

for (const handling of ['auto-trailing-slash', 'force-trailing-slash', 'drop-trailing-slash', 'none']) {
  describe(`a guarded file, with html_handling = "${handling}"`, { timeout: 30_000 }, () => {
    let site;
    let ada;
    let bob;

    before(async () => {
      site = await startSite({ origin: 'assets', assets: { directory, html_handling: handling }, settings: { rules } });
      ({ cookie: ada } = await site.signIn({ path: '/members/' }));
      ({ cookie: bob } = await site.signIn({ path: '/members/', user: 'bob' }));
    });
    after(() => site.stop());

    // What is odd to the gate is so under every handling.
    const kinds = handling === 'auto-trailing-slash' ? ['plain', 'odd'] : ['plain'];
    const ends = kinds.flatMap((kind) => behind[kind]);
    const ways = kinds.flatMap((kind) => ahead[kind]);
    for (const page of GUARDED) {
      test(`${page}… is shown to nobody else, under any address`, async () => {
        for (const end of ends) {
          const addresses = ways.map((way) => `${way(page)}${end}`);
          const answers = await Promise.all(addresses.map((address) => follow(site, address, bob)));
          answers.forEach(({ status, body }, index) => assert.ok(!body.includes(SECRET), `${addresses[index]}: ${status}`));
        }
      });
    }

    test('is found by who may see it, from its name and from its short address', async () => {
      for (const address of '/a/secret.html /b/index.html /c/deep/page.html /d/data.json /e.html /f/index.html /g/secret.html'.split(' ')) {
        const answer = await follow(site, address, ada);
        assert.deepEqual([answer.status, answer.body], [200, SECRET], address);
      }
      if (handling === 'none') return;
      for (const address of '/a/secret /b/ /c/deep/page /e /f/ /g/secret /h/ /h/deep/'.split(' ')) {
        const answer = await follow(site, address, ada);
        assert.deepEqual([answer.status, answer.body], [200, SECRET], address);
      }
    });

    test('is not shown at the end of a redirect: each address is judged anew', async () => {
      for (const [address, target] of [
        ['/old', '/a/secret.html'],
        ['/older', '/a/secret'],
        ['/short', '/b/'],
        ['/move/secret.html', '/a/secret.html'],
      ]) {
        const moved = await site.send(address);
        assert.deepEqual([Math.floor(moved.status / 100), moved.header('location')], [3, target], address);
        assert.equal((await site.send(target)).status, 401);
        assert.equal((await site.send(target, { headers: { cookie: bob } })).status, 403);
        assert.ok([200, 404].includes((await follow(site, address, ada)).status));
      }
      // A rewrite is no redirect: the file comes under the address that is asked for, whose own rule decides.
      assert.equal((await site.send('/rewritten/secret', { headers: { cookie: bob } })).status, 403);
      const away = await site.send('/away');
      assert.deepEqual([away.status, away.header('location')], [302, 'https://elsewhere.example/']);
    });
  });
}

describe('assets', { timeout: 30_000 }, () => {
  let site;
  let cookie;

  before(async () => {
    site = await startSite({ origin: 'assets', assets: directory, settings: { rules } });
    ({ cookie } = await site.signIn({ path: '/members/' }));
  });
  after(() => site.stop());

  test('that are public come as they are', async () => {
    const answer = await site.send('/open.txt');
    assert.deepEqual([answer.status, answer.body], [200, 'for everybody']);
    assert.deepEqual([answer.header('cache-control'), answer.header('x-from-headers')], ['public, s-maxage=600', 'yes']);
    const revalidated = await site.send('/open.txt', { headers: { 'if-none-match': answer.header('etag') } });
    assert.deepEqual([revalidated.status, revalidated.body], [304, '']);
    const head = await site.send('/open.txt', { method: 'HEAD' });
    assert.deepEqual([head.status, head.header('etag'), head.body], [200, answer.header('etag'), '']);
  });

  test('that are protected are for the visitor alone, fresh or not', async () => {
    assert.equal((await site.send('/members/')).status, 401);
    const answer = await site.send('/members/', { headers: { cookie } });
    assert.deepEqual([answer.status, answer.body], [200, 'for the signed in']);
    assert.equal(answer.header('cache-control'), 'private');
    const revalidated = await site.send('/members/', { headers: { cookie, 'if-none-match': answer.header('etag') } });
    assert.deepEqual([revalidated.status, revalidated.header('cache-control'), revalidated.body], [304, 'private', '']);
    const unseen = await site.send('/members/', { headers: { 'if-none-match': answer.header('etag') } });
    assert.equal(unseen.status, 401);
  });

  test('that are not there get the page of the site', async () => {
    const answer = await site.send('/nothing');
    assert.deepEqual([answer.status, answer.body], [404, 'not here']);
  });

  test('take no other method', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) assert.equal((await site.send('/open.txt', { method })).status, 405);
  });
});

/** Goes where redirects within the site lead; each step is one that the gate judges. */
async function follow(site, address, cookie) {
  let path = address;
  for (let steps = 0; steps < 5; steps += 1) {
    const answer = await site.send(path, { headers: cookie ? { cookie } : {} });
    const location = answer.header('location');
    if (!location?.startsWith('/') || answer.status >= 400) return answer;
    path = location;
  }
  throw new Error(`${address} redirects in a circle.`);
}
