// What the token endpoint answers: OpenID Connect Core 3.1.3.3 and 3.1.3.5, RFC 6749 5.1 and 5.2.

import assert from 'node:assert/strict';
import { pipeline } from 'node:stream/promises';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertCallbackRefused, assertRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';

let site;
let known;
before(async () => {
  site = await startSite();
  known = site.visitor();
  await known.signIn('/members/');
});
after(() => site.close());

async function answered(token) {
  const wire = hostile(site.provider, { token });
  const visitor = known.withoutSite();
  return { wire, visitor, callback: await visitor.authorize() };
}

/** The honest answer as text, written otherwise. */
const rewritten = (change) => (answer) => void (answer.body = change(JSON.stringify(answer.json)));
const member = (name, value) => ({ json }) => void (json[name] = value);

const MALFORMED = /not a token response/;
const NONE = /no id_token/;
const TYPE = /token_type/;
const refused = {
  'an HTML page with status 200': [page, MALFORMED],
  'an HTML page with status 500': [(answer) => (page(answer), void (answer.status = 500)), /status 500/],
  'the tokens with status 201': [(answer) => void (answer.status = 201), /status 201/],
  'the tokens with status 400': [(answer) => void (answer.status = 400), /status 400/],
  'no content': [(answer) => Object.assign(answer, { status: 204, body: '' }), /status 204/],
  'an empty body': [rewritten(() => ''), MALFORMED],
  'null': [rewritten(() => 'null'), MALFORMED],
  'a list': [rewritten((text) => `[${text}]`), MALFORMED],
  'half of it': [rewritten((text) => text.slice(0, text.length / 2)), MALFORMED],
  'something behind it': [rewritten((text) => `${text}{}`), MALFORMED],
  'a form instead of JSON': [(answer) => void (answer.body = new URLSearchParams(answer.json).toString()), MALFORMED],
  'id_token twice': [rewritten((text) => text.replace('{', '{"id_token":"e30.e30.AA",')), MALFORMED],
  'the very same id_token twice': [(answer) => void (answer.body = JSON.stringify(answer.json).replace('{', `{"id_token":${JSON.stringify(answer.json.id_token)},`)), MALFORMED],
  'token_type twice': [rewritten((text) => text.replace('{', '{"token_type":"Bearer",')), MALFORMED],
  'no id_token': [({ json }) => void delete json.id_token, NONE],
  'id_token null': [member('id_token', null), NONE],
  'id_token a list': [({ json }) => void (json.id_token = [json.id_token]), MALFORMED],
  'id_token a number': [member('id_token', 1), MALFORMED],
  'no token_type': [({ json }) => void delete json.token_type, TYPE],
  'token_type DPoP': [member('token_type', 'DPoP'), TYPE],
  'token_type mac': [member('token_type', 'mac'), TYPE],
  'token_type "Bearer "': [member('token_type', 'Bearer '), TYPE],
  'an error beside the tokens': [member('error', 'invalid_client'), /refused: invalid_client/],
  'an error nobody knows': [(answer) => Object.assign(answer, { status: 400, body: '{"error":"<script>alert(1)</script>"}' }), /refused: other/],
  'bytes that are no UTF-8': [(answer) => void (answer.body = Buffer.concat([Buffer.from(JSON.stringify(answer.json).slice(0, -1)), Buffer.from([0x2c, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])])), undefined],
};
for (const [what, [trick, detail]] of Object.entries(refused)) {
  test(`Core 3.1.3.5, RFC 6749 5.1: ${what}: refused`, async () => {
    const { wire, visitor, callback } = await answered(trick);
    const expected = detail ? { status: 502, code: 'token_refused', detail } : { status: 503, code: 'token_endpoint_unavailable' };
    await assertCallbackRefused(site, visitor, callback, expected);
    assert.equal(wire.to('token').length, 1, 'the code is not tried again');
  });
}

const accepted = {
  'token_type bEARER': member('token_type', 'bEARER'),
  'token_type bearer': member('token_type', 'bearer'),
  'members nobody knows': member('more', { of: ['them', null] }),
  'no access token': ({ json }) => void delete json.access_token,
  'another media type': (answer) => void (answer.headers['content-type'] = 'text/plain'),
  'gzip': (answer) => Object.assign(answer, { headers: { 'content-encoding': 'gzip' }, body: gzipSync(JSON.stringify(answer.json)) }),
  'white space around': rewritten((text) => `\n  ${text}\r\n`),
};
for (const [what, trick] of Object.entries(accepted)) {
  test(`Core 3.1.3.3: ${what}: accepted`, async () => {
    const { visitor, callback } = await answered(trick);
    assertSignedIn(visitor, await visitor.open(callback));
  });
}

test('Core 3.1.3.5: a redirect is not followed, be it to the tokens', async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    const location = `${site.provider.issuer}/jwks`;
    const { wire, visitor, callback } = await answered((answer) => Object.assign(answer, { status, headers: { location } }));
    await assertCallbackRefused(site, visitor, callback, { status: 502, code: 'token_refused', detail: new RegExp(`status ${status}`) });
    assert.deepEqual(wire.to('keys'), [], `${status}`);
  }
});

test('Core 3.1.3.5: 10 MB are not read to the end', async () => {
  let sent = 0;
  const endless = function* () {
    for (; sent < 10_000_000; sent += 65_536) yield Buffer.alloc(65_536, 0x20);
  };
  const { visitor, callback } = await answered((answer) => {
    answer.send = async (response, end) => {
      response.removeHeader('content-length');
      response.writeHead(200, { 'content-type': 'application/json' });
      await pipeline(endless, response).catch(() => end());
    };
  });
  await assertCallbackRefused(site, visitor, callback, { status: 503, code: 'token_endpoint_unavailable' });
  assert.ok(sent < 10_000_000, `${sent} bytes were taken`);
});

test('Core 3.1.3.5: a gzip bomb is not unpacked to the end', async () => {
  const bomb = gzipSync(Buffer.alloc(100_000_000, 0x20), { level: 1 });
  const { visitor, callback } = await answered((answer) => Object.assign(answer, { headers: { 'content-encoding': 'gzip' }, body: bomb }));
  await assertCallbackRefused(site, visitor, callback, { status: 503, code: 'token_endpoint_unavailable' });
  assert.equal((await site.visitor().open('/.auth/health')).status, 200, 'the gate still stands');
});

test('RFC 6749 4.1.2: a code is redeemed once, also when the callback is opened five times at once', async () => {
  const { wire, visitor, callback } = await answered();
  const answers = await Promise.all(Array.from({ length: 5 }, () => visitor.copy().open(callback)));
  assert.equal(wire.to('token').length, 1);
  assert.equal(answers.filter(({ headers }) => headers['set-cookie']?.some((line) => line.startsWith('portcullis='))).length, 1);
  for (const { status } of answers) assert.ok([302, 303].includes(status), `${status}: nobody sees an error`);
});

test('RFC 6749 5.2: invalid_grant, as for a code that was redeemed elsewhere: one new attempt, and then a page', async () => {
  const grant = (answer) => Object.assign(answer, { status: 400, body: '{"error":"invalid_grant"}' });
  let refusals = 1;
  const { visitor, callback } = await answered((answer) => refusals-- > 0 && grant(answer));
  const { url, status } = await visitor.walk(callback);
  assert.deepEqual([url, status], [`${site.url}/members/`, 200]);

  const { wire, visitor: other, callback: next } = await answered(grant);
  const answer = await other.walk(next);
  await assertRefused(site, other, answer, { status: 502, code: 'token_refused', detail: /refused: invalid_grant/ });
  assert.equal(wire.to('token').length, 2);
});

function page(answer) {
  Object.assign(answer, { headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>Sign in</title>' });
}

nothingConfidentialIsLogged();
