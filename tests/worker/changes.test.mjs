// What docs/changes.md says that a change does to who is signed in, and to a login under way: each is a deployment of
// its own, and meets both from before.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startProvider } from '../../demo/provider.mjs';
import { startGate } from '../../scripts/gate.mjs';
import { navigation, send } from './support/exchange.mjs';
import { signIn } from './support/login.mjs';
import { recorder } from './support/origin.mjs';
import { gateSecrets, LOCAL, rules } from './support/site.mjs';
import { Visitor } from './support/visitor.mjs';
import { gateWorker } from './support/worker.mjs';

const also = (rule) => ({ rules: [...rules, { path: '/more/**', ...rule }] });

// What changes, what a session gets, and how the login ends; without that it goes on.
const rows = [
  ['nothing', {}, 200],
  ['a rule that asks for the same', also({ allow: [{ group: 'admins' }] }), 200],
  ['another address', also({ allow: [{ email: 'bob@example.com' }] }), 200],
  ['another domain', also({ allow: [{ email_domain: 'example.org' }] }), 200],
  ['a network', also({ allow: [{ ip: '192.0.2.0/24' }] }), 200],
  ['a country', also({ allow: [{ country: 'CH' }] }), 200],
  ['a provider that a rule names', also({ allow: [{ provider: 'demo' }] }), 200],
  ['another group', also({ allow: [{ group: 'staff' }] }), 401],
  ['a group less', { rules: [rules[0]] }, 401],
  ['a role', also({ allow: [{ role: 'editor' }] }), 401],
  ['a claim', also({ deny: [{ claim: 'sub', equals: 'bob' }] }), 401],
  ['a class', also({ require: [{ acr: 'urn:example:mfa' }] }), 401],
  ['a method', also({ require: [{ amr: 'otp' }] }), 401],
  ['an age', also({ require: [{ max_age: '1h' }] }), 401],
  ['a group that is only watched', also({ mode: 'report', allow: [{ group: 'staff' }] }), 401],
  ['whose addresses count', { provider: { email: 'trust' } }, 401],
  ['where groups are', { provider: { groups_claim: 'memberships' } }, 401],
  ['where roles are', { provider: { roles_claim: 'duties' } }, 401],
  ['the scopes', { provider: { scopes: ['openid', 'email'] } }, 200],
  ['userinfo', { provider: { userinfo: true } }, 200],
  ['longer sessions', { session: { lifetime: '30d' } }, 200],
  ['a provider more', { more: true }, 200],
  ['a provider less', { more: true, less: true }, 401, [400, 'response_malformed']],
  ['its id', { provider: { id: 'work' } }, 401, [400, 'response_malformed']],
  ['its issuer', { provider: { issuer: 'other' } }, 401, [302, 'restarted']],
  ['its client', { provider: { client_id: 'another' } }, 200, [502, 'token_refused']],
  ['a host more', { hosts: ['localhost', 'docs.example.com'] }, 200],
  ['a host less', { hosts: ['docs.example.com'] }, 421, [421, 'host_unknown']],
  ['the prefix', { prefix: '/.gate' }, 200, [302]],
];

describe('a change', { timeout: 60_000 }, () => {
  const providers = [];
  let gate;
  let cookie;
  let callback;

  before(async () => {
    for (let each = 0; each < 2; each += 1) providers.push(await startProvider({ redirectUris: [`${LOCAL}/.auth/callback`] }));
    const [demo, other] = providers.map(({ issuer, clientId }, rank) => ({ id: ['demo', 'other'][rank], title: 'A provider', issuer, client_id: clientId }));
    const secrets = gateSecrets();
    for (const id of ['DEMO', 'WORK']) secrets[`PORTCULLIS_${id}_CLIENT_SECRET`] = providers[0].clientSecret;
    const settings = { hosts: ['localhost'], origin: { service: 'SITE' }, providers: [demo], rules };
    const deployment = ([what, { provider, more, less, ...change }]) => {
      const changed = { ...demo, ...provider, ...(provider?.issuer && { issuer: other.issuer }) };
      const present = [...(less ? [] : [changed]), ...(more ? [other] : [])];
      return gateWorker(
        { name: nameOf(what), settings: { ...settings, providers: present, ...change }, secrets },
        { serviceBindings: { SITE: 'service-site' } },
      );
    };
    gate = await startGate({ settings, secrets, origin: { assets: false, services: { SITE: recorder() } }, workers: rows.map(deployment) });
    ({ cookie } = await signIn(LOCAL, { path: '/x', visitor: await visitor('nothing') }));
  });
  after(() => Promise.all([gate.dispose(), ...providers.map((provider) => provider.close())]));

  const urlOf = (what) => gate.mf.unsafeGetDirectURL(nameOf(what));
  const visitor = async (what) => new Visitor({ [LOCAL]: await urlOf(what) });

  /** A login that was begun before, and comes back after. */
  async function underWay(what) {
    const person = await visitor('nothing');
    const { url } = await person.walk(`${LOCAL}/x`);
    const signedIn = await person.submit(url, { username: 'ada', password: 'demo' });
    const back = await person.walk(new URL(signedIn.header('location'), url).href, (onward) => onward.startsWith(`${LOCAL}/.auth/callback`));
    callback = back.onward;
    return send(callback, { through: await urlOf(what), headers: { ...navigation, cookie: person.cookie(callback) } });
  }

  for (const [what, , status, end = [303, 'finished']] of rows) {
    test(`${what}: who is signed in gets ${status}, a login under way ${end.join(' ')}`, async () => {
      const through = await urlOf(what);
      assert.equal((await send(`${LOCAL}/x`, { through, headers: { cookie } })).status, status);
      const known = new Set(gate.logs);
      const answer = await underWay(what);
      assert.equal(answer.status, end[0]);
      if (end[1]) await gate.logs.until((entry) => !known.has(entry) && entry.record?.code === end[1]);
      if (what === 'its issuer') assert.ok(answer.header('location').startsWith(`${providers[1].issuer}/`), 'at the new one');
    });
  }

  test('longer sessions: one that is there ends when it was to end', async () => {
    const ends = async (what) => (await send(`${LOCAL}/.auth/me`, { through: await urlOf(what), headers: { cookie } })).json().expires;
    assert.equal(await ends('longer sessions'), await ends('nothing'));
  });

  test('the prefix: the answer is an address of the site, for which people sign in', async () => {
    const answer = await underWay('the prefix');
    const login = new URL(answer.header('location'));
    assert.equal(`${login.origin}${login.pathname}`, `${LOCAL}/.gate/login`);
    assert.equal(login.searchParams.get('return_to'), callback.slice(LOCAL.length));
  });
});

function nameOf(what) {
  return what.replaceAll(/\W+/g, '-');
}
