// The session that a login leaves behind, whatever the provider says of the person.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertCallbackRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';
import { reissue } from './support/token.mjs';

let site;
before(async () => void (site = await startSite()));
after(() => site.close());

/** The provider says this of everybody. */
function claiming(claims) {
  return hostile(site.provider, { token: ({ json }) => void (json.id_token = reissue(json.id_token, { key: site.provider.key, claims })) });
}

async function signedIn(options) {
  const visitor = site.visitor();
  assertSignedIn(visitor, await visitor.open(await visitor.authorize('/members/', options)));
  return visitor;
}

const groups = (count) => Array.from({ length: count }, (_, rank) => `cn=group-number-${rank},ou=groups,dc=example,dc=com`);
const me = async (visitor) => JSON.parse((await visitor.open('/.auth/me')).text);

/** No cookie is longer than browsers keep. */
function assertCookiesFit(visitor) {
  for (const [name, value] of visitor.cookies) assert.ok(name.length + value.length <= 4096, `${name}: ${value.length}`);
}

test('RFC 6265bis 5.6: a person in 500 groups signs in: groups that nothing names are not kept', async () => {
  claiming({ groups: [...groups(500), 'admins'] });
  const visitor = await signedIn();
  assertCookiesFit(visitor);
  assert.deepEqual((await me(visitor)).groups, ['admins']);
  assert.equal((await visitor.open('/admin/')).status, 200);
});

test('RFC 6265bis 5.6: an ID token that fits no cookie is not kept for the logout, and an earlier one goes', async () => {
  claiming({});
  const visitor = await signedIn();
  assert.ok(visitor.cookies.has('portcullis-hint'));
  claiming({ groups: groups(500) });
  const callback = await visitor.authorize('/.auth/login?return_to=/members/');
  const { headers } = await visitor.open(callback);
  assert.match(headers['set-cookie'].find((line) => line.startsWith('portcullis-hint=')), /^portcullis-hint=; Path=\/\.auth\/logout; Max-Age=0/);
});

test('names that fit no cookie are not what keeps a person out', async () => {
  for (const [claim, value] of [['name', 'N'.repeat(5_000)], ['email', `${'e'.repeat(5_000)}@example.com`], ['picture', 'p'.repeat(5_000)]]) {
    claiming({ [claim]: value });
    assertCookiesFit(await signedIn());
  }
});

test('claims of another shape than they should have are none, and no error', async () => {
  for (const value of [null, 1, true, [], {}, [[]], [null, 1, 'admins'], 'admins', { admins: true }]) {
    claiming({ groups: value, name: value, email: value, email_verified: value });
    const visitor = await signedIn();
    const { groups: kept } = await me(visitor);
    const named = value === 'admins' || Array.isArray(value) && value.includes('admins');
    assert.deepEqual(kept, named ? ['admins'] : [], JSON.stringify(value));
  }
});

test('what is not ASCII arrives, and what would break a header does not', async () => {
  claiming({ name: 'Ada\r\nX-Auth-Groups: admins', groups: ['st\u00e4ff'] });
  const visitor = await signedIn({ user: 'bob' });
  assert.equal((await visitor.open('/members/')).status, 200);
  assert.equal((await visitor.open('/admin/')).status, 403);
  claiming({ name: '\u00c5da L\u00f6velace \u{1f511}' });
  const other = await signedIn();
  assert.equal((await me(other)).name, '\u00c5da L\u00f6velace \u{1f511}');
  assert.equal((await other.open('/members/')).status, 200);
});

test('claims that rules name and that do not fit refuse the login: never half of them', async () => {
  const named = groups(200);
  await site.restart({ settings: { rules: [{ path: '/admin/**', allow: named.map((group) => ({ group })) }] } });
  claiming({ groups: named });
  const visitor = site.visitor();
  await assertCallbackRefused(site, visitor, await visitor.authorize(), { status: 403, code: 'claims_too_large' });
  claiming({ groups: named.slice(0, 20) });
  assertCookiesFit(await signedIn());
});

test('a rule that names a new group: the session is renewed by a login at the next page, not judged without it', async () => {
  const rules = [{ path: '/admin/**', allow: [{ group: 'admins' }] }];
  await site.restart({ settings: { rules } });
  claiming({ groups: ['staff', 'admins'] });
  const visitor = await signedIn();
  await site.restart({ settings: { rules: [...rules, { path: '/members/**', allow: [{ group: 'staff' }] }] } });
  const { url, status, walk } = await visitor.walk('/members/api');
  assert.deepEqual([url, status], [`${site.url}/members/api`, 200], walk.join('\n'));
  assert.deepEqual((await me(visitor)).groups.sort(), ['admins', 'staff']);
});

test('the secret is rotated: sessions of the previous one stay valid, and new ones bear the new', async () => {
  claiming({});
  const visitor = await signedIn();
  const pending = site.visitor();
  const callback = await pending.authorize('/members/');
  const kid = (session) => JSON.parse(Buffer.from(session.split('.')[0], 'base64url')).kid;
  const old = { PORTCULLIS_SECRET_PREVIOUS: site.secrets.PORTCULLIS_SECRET };
  await site.restart({ secrets: { ...old, PORTCULLIS_SECRET: randomBytes(32).toString('base64') } });
  assert.equal((await visitor.open('/members/')).status, 200);
  assertSignedIn(pending, await pending.open(callback));
  assert.notEqual(kid(pending.session), kid(visitor.session));
  await site.restart({ secrets: { PORTCULLIS_SECRET_PREVIOUS: randomBytes(32).toString('base64') } });
  assert.equal((await visitor.open('/members/')).status, 302, 'the previous secret is gone for good');
  assert.equal((await pending.open('/members/')).status, 200);
});

test('RFC 6265bis 8.4: a session with any character changed is none', async () => {
  const visitor = await signedIn();
  const { session } = visitor;
  for (let at = 0; at < session.length; at += 1) {
    if (session[at] === '.') continue;
    // The last character of each part has bits that mean nothing; a strict decoder refuses them too.
    visitor.setCookie('portcullis', `${session.slice(0, at)}${session[at] === 'A' ? 'B' : 'A'}${session.slice(at + 1)}`);
    assert.equal((await visitor.open('/members/')).status, 302, `character ${at}`);
  }
  visitor.setCookie('portcullis', session);
  assert.equal((await visitor.open('/members/')).status, 200);
});

nothingConfidentialIsLogged();
