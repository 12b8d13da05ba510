// What comes back from the provider, before any token is asked for: OpenID Connect Core 3.1.2.6 and
// 3.1.2.7, RFC 6749 4.1.2.1 and 10.12, RFC 9700 4.7, RFC 9207.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { nothingConfidentialIsLogged } from './support/confidential.mjs';
import { hostile } from './support/hostile.mjs';
import { assertCallbackRefused, assertRefused, assertSignedIn } from './support/login.mjs';
import { startSite } from './support/site.mjs';

let site;
let known;
before(async () => {
  // The second registration finds metadata that promise no `iss`, as most providers' do.
  site = await startSite({ providers: { demo: {}, silent: { at: 'demo' } }, gate: { kv: false } });
  known = site.visitor();
  await known.signIn(login('demo'));
  hostile(site.provider, { metadata: ({ json }) => void delete json.authorization_response_iss_parameter_supported });
  await known.signIn(login('silent'));
  hostile(site.provider);
});
after(() => site.close());

const login = (provider) => `/.auth/login?provider=${provider}&return_to=/members/`;

/** A visitor whom the provider knows, and the response it sends them back with. */
async function answered(tricks, provider = 'demo') {
  const wire = hostile(site.provider, tricks);
  const visitor = known.withoutSite();
  return { wire, visitor, callback: await visitor.authorize(login(provider)) };
}

const MALFORMED = { status: 400, code: 'response_malformed' };
const ISSUER = { status: 400, code: 'response_issuer' };

const issuers = {
  'with a slash more': (issuer) => `${issuer}/`,
  'with a digit more': (issuer) => `${issuer}1`,
  'in capitals': (issuer) => issuer.toUpperCase(),
  'over https': (issuer) => issuer.replace('http:', 'https:'),
  'by its address': (issuer) => issuer.replace('localhost', '127.0.0.1'),
  'with the default path': (issuer) => `${issuer}/.`,
  'of somebody else': () => 'https://evil.example',
  'with a user': (issuer) => issuer.replace('//', '//evil@'),
  'and nothing': () => '',
  'with spaces around': (issuer) => ` ${issuer} `,
  'with a NUL': (issuer) => `${issuer}\0`,
};
for (const [what, change] of Object.entries(issuers)) {
  for (const outcome of ['a code', 'an error']) {
    for (const provider of ['demo', 'silent']) {
      test(`RFC 9207 2.4: iss ${what}, with ${outcome}, from a provider that ${provider === 'demo' ? 'promises' : 'does not promise'} it: refused before the token call`, async () => {
        const { wire, visitor, callback } = await answered({
          response: (parameters) => {
            if (outcome === 'an error') fail(parameters, 'access_denied');
            parameters.set('iss', change(site.provider.issuer));
          },
        }, provider);
        await assertCallbackRefused(site, visitor, callback, ISSUER);
        assert.equal(wire.to('token').length, 0);
      });
    }
  }
}

test('RFC 9207 2.4: a promised iss is missed, with a code and with an error', async () => {
  for (const change of [() => {}, (parameters) => fail(parameters, 'access_denied')]) {
    const { wire, visitor, callback } = await answered({ response: (parameters) => void (change(parameters), parameters.delete('iss')) });
    await assertCallbackRefused(site, visitor, callback, ISSUER);
    assert.equal(wire.to('token').length, 0);
  }
});

test('RFC 9207 2.4: one that was not promised is not missed', async () => {
  const { visitor, callback } = await answered({ response: (parameters) => void parameters.delete('iss') }, 'silent');
  assertSignedIn(visitor, await visitor.open(callback));
});

test('RFC 9207 2.4: the right iss is accepted, promised or not', async () => {
  for (const provider of ['demo', 'silent']) {
    const { visitor, callback } = await answered({}, provider);
    assert.equal(callback.searchParams.get('iss'), site.provider.issuer);
    assertSignedIn(visitor, await visitor.open(callback));
  }
});

const malformed = {
  'no state': (parameters) => parameters.delete('state'),
  'an empty state': (parameters) => parameters.set('state', ''),
  'a state with a letter more': (parameters) => parameters.set('state', `${parameters.get('state')}A`),
  'a state with a letter less': (parameters) => parameters.set('state', parameters.get('state').slice(0, -1)),
  'a state with another letter': (parameters) => parameters.set('state', swapped(parameters.get('state'))),
  'a made-up state': (parameters) => parameters.set('state', 'A'.repeat(120)),
  'state twice': (parameters) => parameters.append('state', parameters.get('state')),
  'neither code nor error': (parameters) => parameters.delete('code'),
  'an empty code': (parameters) => parameters.set('code', ''),
  'code and error': (parameters) => parameters.set('error', 'access_denied'),
  'code twice': (parameters) => parameters.append('code', parameters.get('code')),
  'another code behind it': (parameters) => parameters.append('code', 'another-code'),
  'iss twice': (parameters) => parameters.append('iss', parameters.get('iss')),
  'a second, evil iss': (parameters) => parameters.append('iss', 'https://evil.example'),
  'error twice': (parameters) => (fail(parameters, 'access_denied'), parameters.append('error', 'server_error')),
  'nothing at all': (parameters) => [...parameters.keys()].forEach((name) => parameters.delete(name)),
  'a code of 20 KB': (parameters) => parameters.set('code', 'c'.repeat(20_000)),
};
for (const [what, change] of Object.entries(malformed)) {
  test(`Core 3.1.2.7, RFC 6749 4.1.2: ${what}: refused before any call`, async () => {
    const { wire, visitor, callback } = await answered({});
    change(callback.searchParams);
    const answer = await visitor.open(callback);
    await assertRefused(site, visitor, answer, MALFORMED);
    assert.deepEqual(wire.calls, []);
    assert.equal(visitor.logins.length, 1, 'a stranger cannot end a login that is pending');
  });
}

test('Core 3.1.2.7: parameters nobody knows are ignored, also twice', async () => {
  const { visitor, callback } = await answered({ response: (parameters) => [1, 2].forEach((value) => parameters.append('session_state', value)) });
  assertSignedIn(visitor, await visitor.open(callback));
});

test('Core 3.1.2.1, RFC 9700 4.7: a response of another browser starts no session and costs no token call', async () => {
  const { wire, visitor, callback } = await answered({});
  const victim = known.withoutSite();
  const answer = await victim.open(callback);
  assert.equal(victim.session, undefined);
  assert.equal(wire.to('token').length, 0);
  assert.equal(answer.status, 302, 'a login of the victim’s own starts');
  assert.notEqual(new URL(answer.next).searchParams.get('state'), callback.searchParams.get('state'));
  assertSignedIn(visitor, await visitor.open(callback));
});

test('RFC 9700 4.5: a stolen code with a state of the thief’s own does not sign anybody in', async () => {
  const { callback: stolen, visitor: victim } = await answered({});
  const thief = site.visitor();
  const callback = await thief.authorize(login('demo'), { user: 'bob' });
  callback.searchParams.set('code', stolen.searchParams.get('code'));
  // The provider refuses the verifier, which is not the one of the code's challenge. The gate cannot
  // tell this from a code that was redeemed before, and starts over: as bob, whom the provider knows.
  const { next, status } = await thief.open(callback);
  assert.deepEqual([status, thief.session], [302, undefined]);
  await thief.walk(next);
  assert.equal(JSON.parse((await thief.open('/.auth/me')).text).subject, 'bob');
  await victim.open(stolen);
  assert.notEqual(JSON.parse((await victim.open('/.auth/me')).text).subject, 'bob');
});

test('a callback that nobody opened – a prefetch, a script, a frame – spends nothing and starts nothing', async () => {
  const { wire, visitor, callback } = await answered({});
  const others = [
    { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
    { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
    { 'sec-fetch-dest': 'iframe' },
    { 'sec-purpose': 'prefetch' },
    { 'sec-purpose': 'prefetch;prerender' },
    { purpose: 'prefetch' },
  ];
  for (const headers of others) {
    const answer = await visitor.open(callback, { headers });
    assert.deepEqual([answer.status, answer.headers['set-cookie']], [401, undefined], JSON.stringify(headers));
  }
  assert.deepEqual(wire.calls, []);
  assertSignedIn(visitor, await visitor.open(callback));
});

const errors = {
  access_denied: { status: 403, code: 'access_denied' },
  consent_required: { status: 403, code: 'access_denied' },
  user_canceled_request: { status: 403, code: 'access_denied' },
  server_error: { status: 502, code: 'provider_error', detail: /^server_error$/ },
  temporarily_unavailable: { status: 502, code: 'provider_error', detail: /^temporarily_unavailable$/ },
  login_required: { status: 502, code: 'provider_error', detail: /^login_required$/ },
  interaction_required: { status: 502, code: 'provider_error', detail: /^interaction_required$/ },
  invalid_request: { status: 502, code: 'request_refused', detail: /^invalid_request$/ },
  invalid_scope: { status: 502, code: 'request_refused', detail: /^invalid_scope$/ },
  invalid_client: { status: 502, code: 'request_refused', detail: /^invalid_client$/ },
  unauthorized_client: { status: 502, code: 'request_refused', detail: /^unauthorized_client$/ },
  '<script>alert(1)</script>': { status: 502, code: 'request_refused', detail: /^other$/ },
  '': { status: 502, code: 'request_refused', detail: /^other$/ },
};
for (const [error, expected] of Object.entries(errors)) {
  test(`Core 3.1.2.6: error=${error}: no token call, a page with a way on, nothing of the provider's words`, async () => {
    const { wire, visitor, callback } = await answered({
      response: (parameters) => {
        fail(parameters, error);
        parameters.set('error_description', 'Descriptive <script>alert(2)</script>');
        parameters.set('error_uri', 'https://evil.example/more');
      },
    });
    const answer = await assertCallbackRefused(site, visitor, callback, expected);
    assert.equal(wire.to('token').length, 0);
    for (const word of ['alert', 'Descriptive', 'evil.example']) assert.ok(!answer.text.includes(word), word);
    assert.match(answer.text, /href="\/\.auth\/login\?return_to=%2Fmembers%2F/, 'the way on leads to the page that was wanted');
  });
}

test('Core 3.1.2.6: who cancels at the provider gets the page, and another account from there', async () => {
  hostile(site.provider);
  const visitor = site.visitor();
  const form = await visitor.walk(login('demo'));
  const cancelled = await visitor.open(form.url, { form: { cancel: 'yes' } });
  const answer = await visitor.walk(cancelled.next);
  await assertRefused(site, visitor, answer, errors.access_denied);
  const wayOn = /href="([^"]+prompt=select_account)"/.exec(answer.text)[1].replaceAll('&amp;', '&');
  const start = await visitor.walk(`${wayOn}&provider=demo`, { until: (url) => url.startsWith(site.provider.issuer) });
  assert.equal(new URL(start.stoppedAt).searchParams.get('prompt'), 'select_account');
});

test('the answer comes by query, with GET: nothing else redeems it, and nothing else ends the login', async () => {
  const { wire, visitor, callback } = await answered({});
  const form = Object.fromEntries(callback.searchParams);
  for (const [address, request] of [['/.auth/callback', { form }], [callback, { form }], [callback, { method: 'HEAD' }], [callback, { method: 'OPTIONS' }]]) {
    const answer = await visitor.open(address, request);
    assert.deepEqual([answer.status, answer.headers.allow, visitor.session], [405, 'GET', undefined]);
  }
  assert.deepEqual(wire.calls, []);
  assertSignedIn(visitor, await visitor.open(callback));
});

function fail(parameters, error) {
  parameters.delete('code');
  parameters.set('error', error);
}

/** Another letter in the middle: of the ciphertext, and not of the last one's unused bits. */
function swapped(text) {
  const middle = Math.floor(text.length / 2);
  return text.slice(0, middle) + (text[middle] === 'A' ? 'B' : 'A') + text.slice(middle + 1);
}

nothingConfidentialIsLogged();
