// RFC 9470: a rule that asks for more than a session has sends a page to the provider for it, once.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { startSite } from './support/site.mjs';
import { reissue } from './support/token.mjs';

const rules = [
  { path: '/billing/**', require: [{ max_age: '5m' }] },
  { path: '/vault/**', require: [{ acr: 'urn:example:mfa' }] },
];

let site;
before(async () => {
  site = await startSite({ settings: { rules } });
});
after(() => site.close());

const claiming = (claims) =>
  hostile(site.provider, { token: ({ json }) => void (json.id_token = reissue(json.id_token, { key: site.provider.key, claims })) });

async function signedIn() {
  claiming({});
  const visitor = site.visitor();
  await visitor.open(await visitor.authorize('/members/'));
  assert.equal((await visitor.open('/members/')).status, 200);
  return visitor;
}

test('RFC 9470 4: a page asks the provider for what is missing, and is reached', async () => {
  const visitor = await signedIn();
  const { url, status, walk } = await visitor.walk('/billing/');
  // The demo has no such page: the origin itself says so, and nobody else would.
  assert.deepEqual([url, status], [`${site.url}/billing/`, 404], walk.join('\n'));
  assert.ok(walk.some((step) => step.includes('max_age=300')), walk.join('\n'));
});

test('RFC 9470 3: what is no page gets a challenge', async () => {
  const visitor = await signedIn();
  const answer = await visitor.open('/vault/', { headers: { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' } });
  assert.equal(answer.status, 401);
  assert.match(answer.headers['www-authenticate'], /error="insufficient_user_authentication", acr_values="urn:example:mfa"/);
});

test('Core 3.1.3.7 steps 12 and 13: what the provider did not do is refused, once, and the sign-in stays', async () => {
  const visitor = await signedIn();
  for (const [path, claims] of [
    ['/vault/', { acr: 'urn:example:pwd' }],
    ['/vault/', {}],
    ['/billing/', { auth_time: undefined }],
    ['/billing/', { auth_time: Math.floor(Date.now() / 1000) - 3600 }],
    ['/billing/', { auth_time: Math.floor(Date.now() / 1000) + 90_000 }],
    ['/billing/', { auth_time: `${Math.floor(Date.now() / 1000)}` }],
  ]) {
    claiming(claims);
    const { status, walk, text } = await visitor.walk(path);
    assert.equal(status, 403, `${path} ${JSON.stringify(claims)}\n${walk.join('\n')}`);
    assert.match(text, /step_up_unmet/);
    assert.equal((await visitor.open('/members/')).status, 200);
  }
  claiming({ acr: 'urn:example:mfa' });
  assert.equal((await visitor.walk('/vault/')).status, 404);
});

nothingConfidentialIsLogged();
