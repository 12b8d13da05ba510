// What an isolate holds for those who wait for a provider that does not answer: it has 128 MB for all of them.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { build } from '../../../scripts/build.mjs';
import { send } from '../support/exchange.mjs';
import { hostile } from './support/hostile.mjs';
import { startSite } from './support/site.mjs';
import { encode } from './support/token.mjs';

const OUT = 'build-drill';
const CROWD = 60;
/** Room for the text of each, and for what belongs to a request. */
const EACH = 200_000;
/** The longest access token (see src/oidc/access_token.rs), less its header and signature. */
const CLAIMS_BYTES = 11_900;

let site;
before(async () => {
  await build({ features: 'drill', out: OUT });
  const settings = { rules: [{ path: '/api/**', tokens: ['api'] }] };
  const register = (issuer) => {
    settings.tokens = [{ id: 'api', issuer, audiences: ['api'], algorithms: ['RS256'] }];
  };
  site = await startSite({ providers: { demo: { register } }, settings, gate: { build: OUT, kv: false } });
}, { timeout: 900_000 });
after(() => site?.close());

/** What nobody signed, from the issuer by its own word: the smallest objects there are, as many as fit. */
function invented(id) {
  const now = Math.floor(Date.now() / 1000);
  const claims = JSON.stringify({ iss: site.provider.issuer, aud: 'api', sub: 'x', exp: now + 600 });
  const objects = Array((CLAIMS_BYTES - claims.length) / 7 | 0).fill('{"":0}');
  const payload = claims.replace('{', `{"more":[${objects}],`);
  return `${encode(JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: `k${id}` }))}.${encode(payload)}.${encode(randomBytes(256))}`;
}

test('tokens that anybody can invent wait for their issuer’s keys as the text they came as', { timeout: 60_000 }, async () => {
  const memory = async () => Number((await send(`${site.url}/.auth/drill/memory`)).body);
  const ask = (id) => send(`${site.url}/api/x`, { headers: { authorization: `Bearer ${invented(id)}` } });
  assert.equal((await ask('first')).status, 401);
  const before = await memory();
  hostile(site.provider, { keys: () => new Promise(() => {}) });
  const answers = await Promise.all(Array.from({ length: CROWD }, (_, id) => ask(id)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([503]), 'all of them waited');
  const more = (await memory()) - before;
  assert.ok(more < CROWD * EACH, `${more} bytes for ${CROWD}`);
});
