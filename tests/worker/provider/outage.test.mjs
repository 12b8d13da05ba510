// The provider is down, or slow: promise 5. Signed-in people notice nothing, others get an honest page.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Miniflare } from 'miniflare';
import { send } from '../support/exchange.mjs';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';
import { keyFor, reissue, withIdToken } from './support/token.mjs';

const sites = [];
after(() => Promise.all(sites.map((site) => site.close())));

async function start(options) {
  const site = await startSite(options);
  sites.push(site);
  return site;
}

test('down before the first login: nobody can sign in, public pages go on, and the page says so', async () => {
  const site = await start();
  await site.provider.close();
  const visitor = site.visitor();
  const answer = await visitor.walk('/members/');
  await assertRefused(site, visitor, answer, { status: 503, code: 'metadata_unavailable', detail: /network/ });
  assert.equal(answer.headers['retry-after'], '30');
  assert.match(answer.text, /href="\/\.auth\/login\?return_to=%2Fmembers%2F/);
  assert.equal((await visitor.open('/')).status, 200);
  assert.equal((await visitor.open('/.auth/health')).status, 200);
});

// RFC 6749, 10.9; Core 3.1.3: a certificate that nobody vouches for is anybody's.
test('Core 16.21: behind a certificate that no authority signed: as if it were down, and never asked', async () => {
  const impostor = new Miniflare({
    modules: true,
    script: `let asked = 0;
      export default { fetch({ url }) {
        if (url.endsWith('/asked')) return new Response(String(asked));
        asked += 1;
        const { origin } = new URL(url);
        return Response.json({ issuer: origin, authorization_endpoint: origin + '/auth', token_endpoint: origin + '/token', jwks_uri: origin + '/jwks' });
      } }`,
    compatibilityDate: '2026-04-26',
    https: true,
    host: '127.0.0.1',
  });
  try {
    const { port } = await impostor.ready;
    const issuer = `https://localhost:${port}`;
    const site = await start({ providers: { demo: { register: { issuer } } } });
    const visitor = site.visitor();
    const answer = await visitor.walk('/members/');
    await assertRefused(site, visitor, answer, { status: 503, code: 'metadata_unavailable', detail: /network/ });
    assert.equal(await (await impostor.dispatchFetch(`${issuer}/asked`)).text(), '0');
    const open = await send(`${issuer}/.well-known/openid-configuration`);
    assert.equal(open.json().issuer, issuer, 'it would have answered');
  } finally {
    await impostor.dispose();
  }
});

test('down after the metadata were read: who is signed in stays, logins still start, and fail honestly', async () => {
  const site = await start();
  const visitor = site.visitor();
  await visitor.signIn('/members/');
  const pending = visitor.withoutSite();
  const callback = await pending.authorize();
  await site.provider.close();

  for (const path of ['/members/', '/admin/', '/.auth/me', '/members/api']) assert.equal((await visitor.open(path)).status, 200, path);
  const { stoppedAt } = await site.visitor().walk('/members/', { until: (url) => url.startsWith(site.provider.issuer) });
  assert.ok(stoppedAt, 'a login starts');
  const answer = await pending.open(callback);
  await assertRefused(site, pending, answer, { status: 503, code: 'token_endpoint_unavailable', detail: /network/ });

  const out = await visitor.open('/.auth/logout?provider', { form: {}, headers: { 'sec-fetch-site': 'same-origin' } });
  assert.equal(out.status, 303, 'signing out here needs nobody');
  assert.equal(visitor.session, undefined);
});

test('keys that cannot be had: 503, and the next login tries again', async () => {
  const site = await start();
  const known = site.visitor();
  hostile(site.provider, { keys: (answer) => void (answer.status = 503) });
  const callback = await known.authorize();
  await assertRefused(site, known, await known.open(callback), { status: 503, code: 'keys_unavailable', detail: /status 503/ });
  hostile(site.provider);
  const visitor = known.withoutSite();
  assertSignedIn(visitor, await visitor.open(await visitor.authorize()));
});

test('keys that cannot be had anew: tokens of a known key go on, one of an unknown key is refused for now', async () => {
  const site = await start();
  const known = site.visitor();
  await known.signIn('/members/');
  const down = { keys: (answer) => void (answer.status = 503) };
  hostile(site.provider, { ...down, ...withIdToken((token) => reissue(token, { key: keyFor('RS256') })) });
  const refused = known.withoutSite();
  const answer = await refused.open(await refused.authorize());
  await assertRefused(site, refused, answer, { status: 503, code: 'keys_unavailable' });
  hostile(site.provider, down);
  const visitor = known.withoutSite();
  assertSignedIn(visitor, await visitor.open(await visitor.authorize()));
});

test('slow: each call has a deadline, headers and body alike, and no visitor waits longer than that', async () => {
  const key = keyFor('RS256');
  const one = { start: { keys: [key] } };
  const never = () => new Promise(() => {});
  const dripping = (answer) => {
    answer.send = (response) => {
      response.removeHeader('content-length');
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' '), 200);
      response.on('close', () => clearInterval(drip));
    };
  };
  const tricks = {
    metadata: [{ metadata: never }, 'metadata_unavailable'],
    token: [{ token: never }, 'token_endpoint_unavailable'],
    drip: [{ token: dripping }, 'token_endpoint_unavailable'],
    keys: [{ keys: never }, 'keys_unavailable'],
    userinfo: [{ userinfo: never }, 'userinfo_unavailable'],
  };
  const providers = Object.fromEntries(Object.keys(tricks).map((id) => [id, { ...one, register: { userinfo: id === 'userinfo' } }]));
  const site = await start({ providers, gate: { kv: false } });
  const reader = site.visitor();
  await Promise.all(Object.entries(tricks).map(async ([id, [trick, code]]) => {
    hostile(site.providers[id], trick);
    const visitor = site.visitor();
    const login = `/.auth/login?provider=${id}`;
    const address = id === 'metadata' ? login : await visitor.authorize(login);
    const started = Date.now();
    const answer = await visitor.open(address);
    await assertRefused(site, visitor, answer, { status: 503, code, detail: /deadline/ });
    const seconds = (Date.now() - started) / 1000;
    assert.ok(seconds > 5 && seconds < 16, `${id}: ${seconds} s`);
    assert.equal((await reader.open('/')).status, 200);
  }));
});

nothingConfidentialIsLogged();
