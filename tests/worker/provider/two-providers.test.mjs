// Two providers at one gate, one of them hostile: RFC 9700 2.1, 4.4 (mix-up), OpenID Connect Core 5.7,
// RFC 8725 3.8.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertCallbackRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';
import { keyFor, parts, published, reissue } from './support/token.mjs';

// Both keys have the same id: keys are looked for at their own issuer alone.
const keys = { work: keyFor('RS256', { kid: 'shared' }), guests: keyFor('RS256', { kid: 'shared' }) };
let site;
let work;
let guests;
before(async () => {
  site = await startSite({ providers: { work: { start: { keys: [keys.work] } }, guests: { start: { keys: [keys.guests] } } } });
  ({ work, guests } = site.providers);
});
after(() => site.close());

const login = (id) => `/.auth/login?provider=${id}&return_to=/members/`;

test('a page of the site: the chooser, with a way to each and nothing started', async () => {
  const wires = [hostile(work), hostile(guests)];
  const visitor = site.visitor();
  const answer = await visitor.walk('/members/?a=b&c');
  assert.equal(answer.status, 200);
  const links = [...answer.text.matchAll(/class="button" href="([^"]+)"/g)].map(([, link]) => link.replaceAll('&amp;', '&'));
  assert.deepEqual(links, ['work', 'guests'].map((id) => `/.auth/login?return_to=%2Fmembers%2F%3Fa%3Db%26c&provider=${id}`));
  assert.deepEqual([visitor.logins, ...wires.map(({ calls }) => calls.length)], [[], 0, 0]);
  for (const [rank, { issuer }] of [work, guests].entries()) {
    const stranger = site.visitor();
    const { url } = await stranger.signIn(links[rank], { user: 'ada' });
    assert.equal(url, `${site.url}/members/?a=b&c`);
    assert.equal(JSON.parse((await stranger.open('/.auth/me')).text).provider, rank ? 'guests' : 'work', issuer);
  }
});

test('an unknown provider is refused, whatever it is called', async () => {
  for (const id of ['', 'WORK', 'work ', 'https://evil.example', '../work', '__proto__']) {
    const visitor = site.visitor();
    const answer = await visitor.open(`/.auth/login?provider=${encodeURIComponent(id)}`);
    assert.deepEqual([answer.status, answer.code, visitor.logins], [400, 'provider_unknown', []], id);
  }
});

test('Core 5.7: the same name and address at two providers are two people', async () => {
  const people = [];
  for (const id of ['work', 'guests']) {
    const visitor = site.visitor();
    await visitor.signIn(login(id));
    const { provider, subject, email } = JSON.parse((await visitor.open('/.auth/me')).text);
    people.push({ provider, subject, email });
  }
  assert.deepEqual(people.map(({ subject, email }) => [subject, email]), Array(2).fill(['ada', 'ada@example.com']));
  assert.deepEqual(people.map(({ provider }) => provider), ['work', 'guests']);
});

test('RFC 9700 4.4: the code of one with the state of the other: no token call to anybody', async () => {
  const wires = [hostile(work), hostile(guests)];
  const visitor = site.visitor();
  const one = await visitor.authorize(login('work'));
  const other = await visitor.authorize(login('guests'));
  other.searchParams.set('code', one.searchParams.get('code'));
  other.searchParams.set('iss', work.issuer);
  await assertCallbackRefused(site, visitor, other, { status: 400, code: 'response_issuer' });
  assert.deepEqual(wires.map((wire) => wire.to('token').length), [0, 0]);
  // The login at the first is still pending, and its code is unspent.
  assertSignedIn(visitor, await visitor.open(one));
});

test('RFC 9700 4.4: a provider that sends people on to the other one gets nothing of the answer', async () => {
  // The mix-up: the login belongs to guests, whose sign-in page sends the browser to work.
  const visitor = site.visitor();
  const { stoppedAt } = await visitor.walk(login('guests'), { until: (url) => url.startsWith(guests.issuer) });
  const wires = [hostile(work), hostile(guests)];
  const callback = await visitor.authorize(stoppedAt.replace(guests.issuer, work.issuer));
  assert.equal(callback.searchParams.get('iss'), work.issuer);
  await assertCallbackRefused(site, visitor, callback, { status: 400, code: 'response_issuer' });
  assert.deepEqual(wires.map((wire) => wire.to('token').length), [0, 0]);
});

test('Core 3.1.3.7-2: an ID token of the one, handed on by the other, is refused', async () => {
  let stolen;
  hostile(work, { token: ({ json }) => void (stolen = json.id_token) });
  const victim = site.visitor();
  await victim.signIn(login('work'));
  hostile(guests, { token: ({ json }) => void (json.id_token = stolen) });
  const visitor = site.visitor();
  await assertCallbackRefused(site, visitor, await visitor.authorize(login('guests')), { status: 502, code: 'id_token_invalid', detail: /^iss / });
});

test('Core 3.1.3.7-2: one that signs in the name of the other is refused, whoever signs', async () => {
  for (const key of [keys.guests, keys.work]) {
    hostile(guests, { token: ({ json }) => void (json.id_token = reissue(json.id_token, { key, claims: { iss: work.issuer } })) });
    const visitor = site.visitor();
    await assertCallbackRefused(site, visitor, await visitor.authorize(login('guests')), { status: 502, code: 'id_token_invalid', detail: /^iss / });
  }
});

test('RFC 8725 3.8: a key of the one verifies nothing of the other, though it has the same id', async () => {
  hostile(guests, { token: ({ json }) => void (json.id_token = reissue(json.id_token, { key: keys.work })) });
  const visitor = site.visitor();
  const callback = await visitor.authorize(login('guests'));
  await assertCallbackRefused(site, visitor, callback, { status: 502, code: 'key_unknown' });
});

test('RFC 8725 3.8: nor does one that publishes the other’s keys speak for it', async () => {
  hostile(guests, { keys: ({ json }) => void json.keys.push(published(keys.work)), token: ({ json }) => void (json.id_token = reissue(json.id_token, { key: keys.guests, claims: { iss: work.issuer } })) });
  const visitor = site.visitor();
  await assertCallbackRefused(site, visitor, await visitor.authorize(login('guests')), { status: 502, code: 'id_token_invalid', detail: /^iss / });
  hostile(guests);
});

test('a login finished at the one does not touch the login pending at the other; the last one counts', async () => {
  const visitor = site.visitor();
  const first = await visitor.authorize(login('work'));
  await visitor.signIn(login('guests'), { user: 'bob' });
  assert.equal(JSON.parse((await visitor.open('/.auth/me')).text).subject, 'bob');
  assertSignedIn(visitor, await visitor.open(first));
  const { provider, subject } = JSON.parse((await visitor.open('/.auth/me')).text);
  assert.deepEqual([provider, subject], ['work', 'ada']);
});

test('a provider that leaves the settings takes its sessions and its pending logins with it', async () => {
  const signedIn = site.visitor();
  await signedIn.signIn(login('guests'));
  const pending = site.visitor();
  const callback = await pending.authorize(login('guests'));
  const [registration] = site.settings.providers;
  await site.restart({ settings: { providers: [registration] } });
  assert.equal((await signedIn.open('/members/')).status, 302);
  const answer = await pending.open(callback);
  assert.deepEqual([answer.status, answer.code, pending.session], [400, 'response_malformed', undefined]);
});

test('nor does another issuer inherit them under the same id', async () => {
  const visitor = site.visitor();
  await visitor.signIn('/members/');
  assert.equal(JSON.parse((await visitor.open('/.auth/me')).text).provider, 'work');
  const pending = visitor.withoutSite();
  const callback = await pending.authorize('/members/');
  const registration = { ...site.settings.providers[0], issuer: guests.issuer };
  await site.restart({ settings: { providers: [registration] } });
  const wires = [hostile(work), hostile(guests)];
  assert.equal((await visitor.open('/members/')).status, 302);
  const answer = await pending.open(callback);
  assert.deepEqual([answer.status, pending.session], [302, undefined], 'a login at the new one starts');
  assert.deepEqual(wires.map((wire) => wire.to('token').length), [0, 0]);
});

nothingConfidentialIsLogged();
