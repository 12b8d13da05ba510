// Wrong settings: nothing is served, the log says which one and why, the page does not.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startGate } from '../../scripts/gate.mjs';
import { navigation, send } from './support/exchange.mjs';
import { arrivedAt, recorder } from './support/origin.mjs';
import { gateSecrets, LOCAL } from './support/site.mjs';
import { gateWorker } from './support/worker.mjs';

const provider = { id: 'demo', title: 'Demo provider', issuer: 'https://id.example', client_id: 'portcullis' };
const good = {
  hosts: ['localhost'],
  origin: { service: 'SITE' },
  providers: [provider],
  rules: [{ path: '/public/**', sso: false }],
};
const { PORTCULLIS_SECRET: shared } = gateSecrets();
const weak = Buffer.from('passwordpasswordpasswordpassword').toString('base64');

// What is wrong, the gate's options, and the setting that the log names.
const wrong = [
  ['a misspelt key', { settings: { ...good, hots: ['localhost'] } }, 'hots'],
  [
    'a misspelt key that would open the site',
    { settings: { ...good, rules: [{ path: '/admin/**', alow: [{ group: 'admins' }] }] } },
    'rules[0].alow',
  ],
  [
    'a misspelt key in a provider',
    { settings: { ...good, providers: [{ ...provider, clientid: 'x' }] } },
    'providers[0].clientid',
  ],
  ['a missing key', { settings: without('hosts') }, 'hosts'],
  ['no hosts', { settings: { ...good, hosts: [] } }, 'hosts'],
  ['a host with a wildcard', { settings: { ...good, hosts: ['localhost', '*.example.com'] } }, 'hosts[1]'],
  ['nobody allowed', { settings: { ...good, rules: [{ path: '/a', allow: [] }] } }, 'rules[0].allow'],
  [
    'a rule that can never match',
    { settings: { ...good, rules: [{ path: '/a/**', sso: false }, { path: '/a/b' }] } },
    'rules[1]',
  ],
  ['a switch that is a text', { settings: { ...good, rules: [{ path: '/admin/**', sso: 'true' }] } }, 'rules[0].sso'],
  [
    'an issuer in the clear',
    { settings: { ...good, providers: [{ ...provider, issuer: 'http://id.example' }] } },
    'providers[0].issuer',
  ],
  ['two origins', { settings: { ...good, origin: { service: 'SITE', assets: 'ASSETS' } } }, 'origin'],
  ['settings that are no JSON', { settings: 'hosts = ["localhost"]' }, 'PORTCULLIS'],
  ['settings that are nothing', { settings: null }, 'PORTCULLIS'],
  ['no settings', {}, 'PORTCULLIS'],
  ['settings in both places', { settings: good, settingsFile: JSON.stringify(good) }, 'PORTCULLIS'],
  [
    'a setting that stands there twice',
    { settingsFile: JSON.stringify(good).replace('{', '{"hosts":["evil.example"],') },
    'hosts',
  ],
  ['no secret', { settings: good, secrets: { PORTCULLIS_SECRET: undefined } }, 'PORTCULLIS_SECRET'],
  ['a secret that is nothing', { settings: good, secrets: { PORTCULLIS_SECRET: null } }, 'PORTCULLIS_SECRET'],
  ['a secret that is empty', { settings: good, secrets: { PORTCULLIS_SECRET: '' } }, 'PORTCULLIS_SECRET'],
  ['a secret that is an object', { settings: good, secrets: { PORTCULLIS_SECRET: { key: weak } } }, 'PORTCULLIS_SECRET'],
  ['a short secret', { settings: good, secrets: { PORTCULLIS_SECRET: 'c2hvcnQ=' } }, 'PORTCULLIS_SECRET'],
  ['a weak secret', { settings: good, secrets: { PORTCULLIS_SECRET: weak } }, 'PORTCULLIS_SECRET'],
  ['a weak previous secret', { settings: good, secrets: { PORTCULLIS_SECRET_PREVIOUS: weak } }, 'PORTCULLIS_SECRET_PREVIOUS'],
  ['an empty client secret', { settings: good, secrets: { PORTCULLIS_DEMO_CLIENT_SECRET: '' } }, 'PORTCULLIS_DEMO_CLIENT_SECRET'],
  ["a client secret that is the gate's own", { settings: good, secrets: { PORTCULLIS_SECRET: shared, PORTCULLIS_DEMO_CLIENT_SECRET: shared } }, 'PORTCULLIS_DEMO_CLIENT_SECRET'],
  ['a run-time switch without KV', { settings: { ...good, switch: true }, kv: false }, 'switch'],
  ['a run-time switch with a KV that is nothing', { settings: { ...good, switch: true }, kv: false, secrets: { PORTCULLIS_KV: null } }, 'switch'],
  ['a proxy without a secret', { settings: { ...good, check: 'nginx' } }, 'PORTCULLIS_CHECK_SECRET'],
  [
    'a proxy with a short secret',
    { settings: { ...good, check: 'nginx' }, secrets: { PORTCULLIS_CHECK_SECRET: 'c2hvcnQ=' } },
    'PORTCULLIS_CHECK_SECRET',
  ],
  ['a proxy that nobody knows', { settings: { ...good, check: 'apache' } }, 'check'],
  [
    "an origin's secret that is missing",
    { settings: { ...good, origin: { fetch: 'zone', secret_header: true } } },
    'PORTCULLIS_ORIGIN_SECRET',
  ],
  [
    "an origin's secret that is short",
    { settings: { ...good, origin: { fetch: 'zone', secret_header: true } }, secrets: { PORTCULLIS_ORIGIN_SECRET: 'short' } },
    'PORTCULLIS_ORIGIN_SECRET',
  ],
  ["an origin's secret for a binding", { settings: { ...good, origin: { service: 'SITE', secret_header: true } } }, 'origin.secret_header'],
  ['a name that is taken', { settings: { ...good, headers: { email: 'Cookie' } } }, 'headers.email'],
  ['an origin without a binding', { settings: { ...good, origin: { service: 'ELSEWHERE' } } }, 'origin.service'],
  ['assets without a binding', { settings: without('origin') }, 'origin.assets'],
  [
    'an origin whose binding is a text',
    { settings: { ...good, origin: { service: 'TEXT' } }, secrets: { TEXT: 'text' } },
    'origin.service',
  ],
];

const right = [
  ['an object in a variable', { settings: good }],
  ['JSON text in a variable', { settings: JSON.stringify(good) }],
  ['a file of the module', { settingsFile: JSON.stringify(good) }],
  ['an empty file beside a variable', { settings: good, settingsFile: ' {}\n' }],
  ['no KV', { settings: good, kv: false }],
  ['a KV that is nothing', { settings: good, kv: false, secrets: { PORTCULLIS_KV: null } }],
  ['a run-time switch', { settings: { ...good, switch: true } }],
  ['a previous secret', { settings: good, secrets: { PORTCULLIS_SECRET_PREVIOUS: gateSecrets().PORTCULLIS_SECRET } }],
];

/** What wrangler makes of the file where no `[[rules]]` of wrangler.toml says that it is text. */
const untyped = [
  ['an empty file that is no text', { settings: good, settingsModule: 'export default {}' }],
  ['settings in a file that is no text', { settingsModule: `export default ${JSON.stringify(good)}` }],
];

describe('settings', { timeout: 60_000 }, () => {
  let gate;

  // Every case is a Worker of its own, all of them in one process.
  before(async () => {
    const cases = [...wrong, ...right, ...untyped].map(([what, { secrets, kv = true, ...options }]) =>
      gateWorker(
        { name: nameOf(what), secrets: defined({ ...gateSecrets(), ...secrets }), ...options },
        { serviceBindings: { SITE: 'service-site' }, ...(kv && { kvNamespaces: ['PORTCULLIS_KV'] }) },
      ),
    );
    gate = await startGate({
      settings: good,
      secrets: gateSecrets(),
      origin: { assets: false, services: { SITE: recorder() } },
      workers: cases,
    });
  });
  after(() => gate.dispose());

  const ask = async (what, path, options) =>
    send(`${LOCAL}${path}`, { through: await gate.mf.unsafeGetDirectURL(nameOf(what)), ...options });

  for (const [what, , setting] of wrong) {
    test(`${what}: nothing is served`, async () => {
      for (const [path, method] of [['/public/x'], ['/x'], ['/.auth/health'], ['/.auth/login'], ['/public/x', 'POST']]) {
        const problem = await ask(what, path, { method });
        assert.equal(problem.status, 500, `${path}: ${problem.body}`);
        assert.deepEqual([problem.json().code, problem.header('cache-control')], ['settings_wrong', 'no-store']);
      }
      const page = await ask(what, '/public/x', { headers: navigation });
      assert.deepEqual([page.status, page.header('content-type')], [500, 'text/html; charset=utf-8']);
      for (const word of [setting, 'PORTCULLIS', 'localhost', 'SITE', 'id.example', weak])
        assert.ok(!page.body.includes(word), word);

      const { record, level } = await gate.logs.until((entry) => page.body.includes(entry.record?.request));
      assert.deepEqual([record.event, record.code, level], ['settings_wrong', 'settings_wrong', 'warn']);
      // An unknown key is named by the problem, and the place it stands in by the setting.
      const key = setting.split('.').at(-1);
      assert.ok(record.setting === setting || record.problem.includes(`\`${key}\``), `${record.setting}: ${record.problem}`);
      assert.ok(!gate.logs.some(({ message }) => message.includes(weak)), 'the secret is in the log');
      assert.deepEqual(await arrivedAt(gate.mf, 'service-site'), []);
    });
  }

  for (const [what] of untyped) {
    test(`${what}: nothing is served, and the log says what is missing`, async () => {
      for (const path of ['/public/x', '/x', '/.auth/health']) {
        const { status, body } = await ask(what, path);
        assert.deepEqual([status, /^Code (\w+),/m.exec(body)?.[1]], [500, 'settings_wrong'], body);
        const { record } = await gate.logs.until((entry) => body.includes(entry.record?.request));
        assert.deepEqual([record.event, record.code], ['settings_wrong', 'settings_wrong']);
        assert.match(record.detail, /^portcullis\.json did not come as text: .*\[\[rules\]\]/);
      }
      assert.deepEqual(await arrivedAt(gate.mf, 'service-site'), []);
    });
  }

  for (const [what] of right) {
    test(`${what}: the site is served`, async () => {
      assert.equal((await ask(what, '/public/x')).status, 200);
      assert.equal((await ask(what, '/x')).status, 401);
      assert.equal((await arrivedAt(gate.mf, 'service-site')).length, 1);
      // There is no such provider, which is no fault of the settings.
      assert.equal((await ask(what, '/.auth/login', { headers: navigation })).status, 503);
    });
  }
});

function nameOf(what) {
  return what.replaceAll(/\W/g, '-');
}

function without(name) {
  return defined({ ...good, [name]: undefined });
}

function defined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
