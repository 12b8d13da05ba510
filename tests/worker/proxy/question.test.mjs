// The auth sub-request as it is on the wire: who may ask, how the question is put, what the answer is. Traefik,
// which is not among Debian's packages, is here by what it sends.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { navigation } from '../support/exchange.mjs';
import { gateSecrets, LOCAL, SECURE, startSite } from '../support/site.mjs';

const { PORTCULLIS_SECRET: SECRET } = gateSecrets();
const { PORTCULLIS_SECRET: PREVIOUS } = gateSecrets();
const FAMILIES = {
  nginx: ['Portcullis-Method', 'Portcullis-Proto', 'Portcullis-Host', 'Portcullis-Uri'],
  traefik: ['X-Forwarded-Method', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Forwarded-Uri'],
};

/** The lines of a sub-request about `path`. */
function lines(proxy, path, { method = 'GET', site = LOCAL, secret = SECRET } = {}) {
  const { protocol, host } = new URL(site);
  const values = [method, protocol.slice(0, -1), host, path];
  return [...(secret === null ? [] : [['Portcullis-Check', secret]]), ...FAMILIES[proxy].map((name, index) => [name, values[index]])];
}

for (const proxy of Object.keys(FAMILIES)) {
  describe(`the question that ${proxy} puts`, { timeout: 30_000 }, () => {
    let site;
    let ada;
    let bob;

    before(async () => {
      site = await startSite({
        settings: { check: proxy },
        gate: { secrets: { PORTCULLIS_CHECK_SECRET: SECRET, PORTCULLIS_CHECK_SECRET_PREVIOUS: PREVIOUS } },
      });
      ({ cookie: ada } = await site.signIn({ user: 'ada', path: '/a' }));
      ({ cookie: bob } = await site.signIn({ user: 'bob', path: '/a' }));
    });
    after(() => site.stop());
    beforeEach(() => site.arrived());

    const ask = async (pairs, options) => {
      const answer = await site.send('/.auth/check', { headers: pairs, ...options });
      assert.equal(answer.header('cache-control'), 'no-store');
      assert.deepEqual(answer.all('set-cookie'), []);
      assert.deepEqual(await site.arrived(), []);
      return answer;
    };
    const about = (path, others = {}, options) => ask([...lines(proxy, path, options), ...Object.entries(others)]);

    test('is answered to who knows the secret, of now or of before', async () => {
      for (const secret of [SECRET, PREVIOUS]) assert.equal((await about('/public/x', {}, { secret })).status, 202);
    });

    test('is no address at all to anybody else', async () => {
      const nothing = await site.send('/.auth/nothing');
      const wrong = [null, '', 'x', SECRET.slice(0, -1), `${SECRET}=`, SECRET.toLowerCase(), `${SECRET}, ${SECRET}`];
      for (const secret of wrong) {
        for (const method of ['GET', 'POST', 'HEAD', 'OPTIONS']) {
          const answer = await ask(lines(proxy, '/public/x', { secret }), { method });
          assert.deepEqual(likeness(answer, method), likeness(nothing, method), `${secret} ${method}`);
        }
      }
      const twice = await ask([...lines(proxy, '/public/x'), ['Portcullis-Check', SECRET]]);
      assert.deepEqual(likeness(twice), likeness(nothing));
      const page = await ask([...lines(proxy, '/x', { secret: 'x' }), ...Object.entries(navigation)]);
      assert.deepEqual(likeness(page), likeness(await site.send('/.auth/nothing', { headers: navigation })));
    });

    test('takes GET alone', async () => {
      const answer = await ask(lines(proxy, '/public/x'), { method: 'POST' });
      assert.deepEqual([answer.status, answer.header('allow')], [405, 'GET']);
    });

    test('has each of its headers once, on whatever lines', async () => {
      const right = lines(proxy, '/public/x');
      for (let index = 1; index < right.length; index += 1) {
        const [name, value] = right[index];
        assert.equal((await ask(right.filter((_, at) => at !== index))).status, 400, `no ${name}`);
        for (const other of [value, '', '/admin/x']) {
          for (const pairs of [[...right, [name, other]], [[name.toLowerCase(), other], ...right]]) {
            const answer = await ask(pairs);
            assert.deepEqual([answer.status, answer.json().code], [400, 'check_malformed'], `${name}: ${other}`);
          }
        }
      }
      const [[, ...foreign]] = Object.entries(FAMILIES).filter(([other]) => other !== proxy);
      for (const name of foreign.flat().filter((each) => each !== 'X-Forwarded-Proto')) {
        assert.equal((await about('/public/x', { [name]: '/public/x' })).status, 400, name);
      }
    });

    test('is answered with who it is, and with the cookies of the site', async () => {
      const answer = await about('/x', { cookie: `a=1; ${ada}; b="2"` });
      const name = proxy === 'traefik' ? 'cookie' : 'portcullis-cookie';
      assert.deepEqual([answer.status, answer.header('x-auth-subject'), answer.header(name)], [202, 'ada', 'a=1; b="2"']);
      const anyone = await about('/public/x', { cookie: ada });
      assert.deepEqual([anyone.status, anyone.header('x-auth-subject'), anyone.header(name)], [202, undefined, undefined]);
    });

    test('is answered in words that the proxy understands', async () => {
      const page = await about('/x?a=b', navigation);
      const login = `${LOCAL}/.auth/login?return_to=%2Fx%3Fa%3Db`;
      const words = [page.status, page.header('location'), page.header('portcullis-login')];
      assert.deepEqual(words, proxy === 'nginx' ? [401, undefined, login] : [302, login, undefined]);
      assert.equal((await about('/x')).status, 401);
      assert.equal((await about('/x', { accept: 'text/html' }, { method: 'POST' })).status, 401);
      assert.equal((await about('/admin/x', { cookie: bob })).status, 403);
      assert.equal((await about('/admin/x', { cookie: ada })).status, 202);
      assert.equal((await about('/.auth/me', { cookie: ada })).status, 403);
      const otherwise = async (path, options, status) =>
        assert.equal((await about(path, {}, options)).status, proxy === 'nginx' ? 403 : status, path);
      await otherwise('/public/..%2fadmin', {}, 400);
      await otherwise('/x', { site: 'https://elsewhere.example.com' }, 421);
      await otherwise('/x', { site: 'http://docs.example.com', method: 'POST' }, 400);
      const insecure = await about('/x', {}, { site: 'http://docs.example.com' });
      const where = [insecure.status, insecure.header('location'), insecure.header('portcullis-login')];
      assert.deepEqual(where, proxy === 'nginx' ? [401, undefined, `${SECURE}/x`] : [308, `${SECURE}/x`, undefined]);
    });

    test('is about the host that it names', async () => {
      // A session of this host, asked about for another.
      assert.equal((await about('/x', { cookie: ada }, { site: SECURE })).status, 401);
      assert.equal((await about('/x', { cookie: ada })).status, 202);
    });

    test('tells a WebSocket by whatever a proxy leaves of its handshake', async () => {
      const evil = { cookie: ada, origin: 'https://evil.example' };
      assert.equal((await about('/x', evil)).status, 202);
      for (const left of [{ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }, { 'sec-websocket-version': '13' }, { upgrade: 'websocket' }]) {
        assert.equal((await about('/x', { ...evil, ...left })).status, 403, Object.keys(left)[0]);
        assert.equal((await about('/x', { ...left, cookie: ada, origin: LOCAL })).status, 202, Object.keys(left)[0]);
      }
    });

    test('is refused with headers that the site would take for the gate’s', async () => {
      for (const name of ['X-Auth-Email', 'x_auth_subject', 'x.auth.groups', 'X-Auth_Assertion']) {
        for (const path of ['/public/x', '/x']) {
          const answer = await about(path, { [name]: 'forged', cookie: ada });
          assert.deepEqual([answer.status, answer.json().code], [proxy === 'nginx' ? 403 : 400, 'check_identity'], name);
        }
      }
    });
  });
}

test('a gate that knows of no proxy has no such address, whatever secret there is', { timeout: 20_000 }, async () => {
  const site = await startSite({ gate: { secrets: { PORTCULLIS_CHECK_SECRET: SECRET } } });
  try {
    const nothing = likeness(await site.send('/.auth/nothing'));
    for (const proxy of Object.keys(FAMILIES)) {
      const answer = await site.send('/.auth/check', { headers: lines(proxy, '/public/x') });
      assert.deepEqual(likeness(answer), nothing);
    }
  } finally {
    await site.stop();
  }
});

test('where a proxy is says nothing of who is behind it', { timeout: 20_000 }, async () => {
  const rules = [
    { path: '/country/**', require: [{ country: 'CH' }] },
    { path: '/address/**', require: [{ ip: ['192.0.2.0/24'] }] },
  ];
  const site = await startSite({ settings: { check: 'nginx', rules }, gate: { secrets: { PORTCULLIS_CHECK_SECRET: SECRET } } });
  try {
    const { cookie } = await site.signIn({ path: '/x' });
    const told = { cookie, 'cf-connecting-ip': '192.0.2.1' };
    /** The status for somebody whose request, or whose proxy's, comes from where both rules admit. */
    const status = async (path, headers) => {
      const answer = await site.gate.mf.dispatchFetch(`${LOCAL}${path}`, { headers, cf: { country: 'CH' }, redirect: 'manual' });
      await answer.arrayBuffer();
      return answer.status;
    };
    for (const path of ['/country/x', '/address/x']) {
      assert.equal(await status(path, told), 200, path);
      assert.equal(await status('/.auth/check', { ...told, ...Object.fromEntries(lines('nginx', path)) }), 403, path);
    }
    assert.equal(await status('/.auth/check', { ...told, ...Object.fromEntries(lines('nginx', '/x')) }), 202);
  } finally {
    await site.stop();
  }
});

/** What there is to see of an answer, but for its date and its id. */
function likeness({ status, lines: headers, body }, method) {
  const seen = headers.filter(([name]) => !['date', 'content-length', 'connection', 'keep-alive', 'transfer-encoding'].includes(name));
  return { status, seen, body: method === 'HEAD' ? '' : body.replaceAll(/[0-9a-hjkmnp-tv-z]{12}/g, '…') };
}
