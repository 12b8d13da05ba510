// The gate's addresses can stand under another path; then everything of the gate's does.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { navigation } from './support/exchange.mjs';
import { LOCAL, rules, startSite } from './support/site.mjs';

const prefix = '/internal/gate';

describe('another prefix', { timeout: 20_000 }, () => {
  let site;
  let signedIn;

  before(async () => {
    site = await startSite({
      settings: { prefix, fragment: false, rules },
      provider: { redirectUris: [`${LOCAL}${prefix}/callback`], postLogoutRedirectUris: [`${LOCAL}${prefix}/signed-out`] },
    });
    signedIn = await site.signIn({ path: '/a?b=c', prefix });
  });
  after(() => site.stop());
  beforeEach(() => site.arrived());

  test('takes a login all the way', () => {
    assert.equal(signedIn.location, `${LOCAL}/a?b=c`);
    const own = signedIn.steps
      .map(({ url }) => new URL(url))
      .filter(({ origin, pathname }) => origin === LOCAL && pathname !== '/a');
    assert.deepEqual(
      own.map(({ pathname }) => pathname),
      [`${prefix}/login`, `${prefix}/callback`],
    );
  });

  test("is never the origin's, and the default one is", async () => {
    const { cookie } = signedIn;
    assert.equal((await site.send(`${prefix}/me`, { headers: { cookie } })).json().subject, 'ada');
    for (const path of [
      prefix,
      `${prefix}/`,
      `${prefix}/x`,
      '/internal%2fgate/me',
      '/internal/x/..%2fgate/me',
      '//internal/gate/me',
    ]) {
      assert.equal((await site.send(path, { headers: { cookie } })).status, 404, path);
    }
    assert.deepEqual(await site.arrived(), []);
    for (const path of ['/.auth/me', '/internal', '/internal/', '/internal/gates', '/gate/me']) {
      assert.equal((await site.send(path, { headers: { cookie } })).status, 200, path);
      assert.match((await site.arrived())[0].url, new RegExp(`${path}$`));
    }
  });

  test('without a fragment to keep, a login is a plain redirect', async () => {
    const answer = await site.send(`${prefix}/login?return_to=/a`, { headers: navigation });
    assert.deepEqual([answer.status, answer.body], [302, '']);
    assert.ok(answer.header('location').startsWith(`${site.provider.issuer}/auth?`));
    assert.ok(answer.header('location').endsWith('#'), 'a fragment would go on to the provider');
    assert.equal(answer.header('cache-control'), 'no-store');
  });

  test('is where the hint for the logout goes, and nowhere else', async () => {
    const callback = signedIn.steps.find(({ url }) => url.includes('/callback'));
    const [hint] = callback.answer.all('set-cookie').filter((line) => line.startsWith('portcullis-hint='));
    assert.match(hint, new RegExp(`; Path=${prefix}/logout;`));
    assert.ok(!signedIn.cookie.includes('portcullis-hint'));
  });
});
