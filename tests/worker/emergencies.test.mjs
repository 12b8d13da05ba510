// What docs/changes.md has an operator do in an emergency does it: each is a deployment of its own, and meets the
// sessions of the one before.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startProvider } from '../../demo/provider.mjs';
import { startGate } from '../../scripts/gate.mjs';
import { navigation, send } from './support/exchange.mjs';
import { signIn } from './support/login.mjs';
import { arrivedAt, recorder } from './support/origin.mjs';
import { gateSecrets, LOCAL } from './support/site.mjs';
import { Visitor } from './support/visitor.mjs';
import { gateWorker } from './support/worker.mjs';

const PATHS = ['/public/x', '/x', '/admin/x'];
const rules = [
  { path: '/public/**', sso: false },
  { path: '/admin/**', allow: [{ group: 'admins' }] },
];

describe('in an emergency', { timeout: 60_000 }, () => {
  let provider;
  let gate;
  const cookies = {};

  before(async () => {
    provider = await startProvider({ redirectUris: [`${LOCAL}/.auth/callback`] });
    const secrets = { ...gateSecrets(), PORTCULLIS_DEMO_CLIENT_SECRET: provider.clientSecret };
    const demo = { id: 'demo', title: 'Demo provider', issuer: provider.issuer, client_id: provider.clientId };
    const other = { ...demo, id: 'other', issuer: 'https://other.example' };
    const settings = { hosts: ['localhost'], origin: { service: 'SITE' }, providers: [demo], rules };
    const gone = [{ all: [{ provider: 'demo' }, { claim: 'sub', equals: 'bob' }] }];
    const deployments = {
      before: {},
      'a new secret': { secrets: { ...secrets, ...gateSecrets() } },
      'a deny in every rule': {
        settings: { ...settings, rules: [rules[0], { ...rules[1], deny: gone }, { path: '/**', deny: gone }] },
      },
      'a provider removed': { settings: { ...settings, providers: [other] } },
      'a provider back': {},
      'a provider back, with a new secret': { secrets: { ...secrets, ...gateSecrets() } },
      'nobody passes': { settings: { ...settings, rules: [{ path: '/**', deny: [{ provider: 'demo' }] }] } },
    };
    gate = await startGate({
      settings,
      secrets,
      origin: { assets: false, services: { SITE: recorder() } },
      workers: Object.entries(deployments).map(([what, options]) =>
        gateWorker({ name: nameOf(what), settings, secrets, ...options }, { serviceBindings: { SITE: 'service-site' } }),
      ),
    });
    for (const user of ['ada', 'bob']) {
      const visitor = new Visitor({ [LOCAL]: await urlOf('before') });
      cookies[user] = (await signIn(LOCAL, { user, path: '/x', visitor })).cookie;
    }
    await arrivedAt(gate.mf, 'service-site');
  });
  after(() => Promise.all([gate.dispose(), provider.close()]));

  const urlOf = (what) => gate.mf.unsafeGetDirectURL(nameOf(what));

  /** What becomes of a person's session: a status for each of the paths. */
  async function met(what, user) {
    const through = await urlOf(what);
    const asked = PATHS.map((path) => send(`${LOCAL}${path}`, { through, headers: { cookie: cookies[user] } }));
    return (await Promise.all(asked)).map(({ status }) => status);
  }

  for (const [what, ada, bob] of [
    ['before', [200, 200, 200], [200, 200, 403]],
    ['a new secret', [200, 401, 401], [200, 401, 401]],
    ['a deny in every rule', [200, 401, 401], [200, 401, 401]],
    ['a provider removed', [200, 401, 401], [200, 401, 401]],
    // Nobody keeps a list of sessions: those of the provider count again with it.
    ['a provider back', [200, 200, 200], [200, 200, 403]],
    ['a provider back, with a new secret', [200, 401, 401], [200, 401, 401]],
    ['nobody passes', [401, 401, 401], [401, 401, 401]],
  ]) {
    test(`${what}: what sessions are worth`, async () => {
      assert.deepEqual([await met(what, 'ada'), await met(what, 'bob')], [ada, bob]);
      const arrived = await arrivedAt(gate.mf, 'service-site');
      assert.equal(arrived.length, [...ada, ...bob].filter((status) => status === 200).length);
    });
  }

  for (const [what, user, status] of [
    ['a deny in every rule', 'ada', undefined],
    ['a deny in every rule', 'bob', 403],
    ['nobody passes', 'ada', 403],
    ['nobody passes', 'bob', 403],
  ]) {
    test(`${what}: ${user} signs in anew`, async () => {
      const visitor = new Visitor({ [LOCAL]: await urlOf(what) });
      const { location } = await signIn(LOCAL, { user, path: '/x', visitor });
      const page = await send(location, { through: await urlOf(what), headers: { ...navigation, cookie: visitor.cookie(location) } });
      assert.equal(page.status, status ?? 200);
      assert.equal((await arrivedAt(gate.mf, 'service-site')).length, status ? 0 : 1);
    });
  }
});

function nameOf(what) {
  return what.replaceAll(/\W+/g, '-');
}
