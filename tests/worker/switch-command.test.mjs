// `npm run switch`: what it writes, what it shows, what it refuses; and once through wrangler itself.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { open, seal, switchKey } from '../../scripts/switch/entry.mjs';
import { kvStore } from '../../scripts/switch/store.mjs';
import { runSwitch } from '../../scripts/switch.mjs';
import { gateSecrets } from './support/site.mjs';

const NOW = Date.parse('2027-01-15T08:00:00Z');
const { PORTCULLIS_SECRET } = gateSecrets();
const key = switchKey(Buffer.from(PORTCULLIS_SECRET, 'base64'));

const wrangler = (on = true) => `
name = "gate"
compatibility_date = "2026-04-26"
[[kv_namespaces]]
binding = "PORTCULLIS_KV"
[vars.PORTCULLIS]
hosts = ["docs.example.com"]
switch = ${on}
[[vars.PORTCULLIS.rules]]
id = "blog"
path = "/blog/**"
sso = false
[[vars.PORTCULLIS.rules]]
id = "admin"
path = "/admin/**"
[[vars.PORTCULLIS.rules]]
id = "watched"
path = "/watched/**"
mode = "report"
[[vars.PORTCULLIS.rules]]
path = "/nameless"
`;

describe('npm run switch', { timeout: 180_000 }, () => {
  let directory;
  let config;
  let stored;
  let clock;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portcullis-test-'));
    config = join(directory, 'wrangler.toml');
    await writeFile(config, wrangler());
  });
  after(() => rm(directory, { recursive: true }));
  beforeEach(() => {
    stored = undefined;
    clock = NOW;
  });

  const memory = () => ({ read: async () => stored, write: async (entry) => (stored = entry) });

  /** What the command says. */
  async function run(line, { environment = { PORTCULLIS_SECRET }, store = memory } = {}) {
    let said = '';
    const args = [...line.split(' '), '--config', config];
    await runSwitch(args, { environment, store, now: () => clock, say: (text) => (said += text) });
    return said;
  }
  const refused = (line, problem, options) => assert.rejects(run(line, options), { message: problem });
  const switches = () => open([key], stored).switches;

  test('writes what is switched, on top of what was', async () => {
    const until = NOW / 1_000 + 7_200;
    await run('off admin --for 2h');
    assert.deepEqual(open([key], stored), {
      version: 1,
      written: NOW,
      hosts: ['docs.example.com'],
      switches: [{ rule: 'admin', sso: 'off', until }],
    });
    await run('on blog');
    await run('lockdown --until 2027-01-15T11:00+01:00');
    assert.deepEqual(switches(), [
      { rule: 'admin', sso: 'off', until },
      { rule: 'blog', sso: 'on' },
      { lockdown: true, until },
    ]);
    await run('optional admin --for 30m');
    assert.deepEqual(switches().at(-1), { rule: 'admin', sso: 'optional', until: NOW / 1_000 + 1_800 });
    await run('open');
    await run('clear blog');
    // Nobody has to find a rule again to be rid of its switch.
    stored = seal(key, { written: NOW, hosts: ['docs.example.com'], switches: [{ rule: 'gone', sso: 'on' }, ...switches()] });
    await run('clear gone');
    assert.ok(switches().every(({ rule }) => rule !== 'gone'));
    // What has ended is not carried along.
    clock = NOW + 1_801_000;
    await run('lockdown');
    assert.deepEqual(switches(), [{ lockdown: true }]);
  });

  test('every entry has a higher number, whatever the clock says', async () => {
    await run('lockdown');
    clock = NOW - 86_400_000;
    await run('open');
    assert.equal(open([key], stored).written, NOW + 1);
  });

  test('shows what is switched, and says when it takes effect', async () => {
    const said = await run('off admin --for 2h');
    assert.match(said, /^As of 2027-01-15T08:00:00Z:$/m);
    assert.match(said, /^ +the whole gate \(docs\.example\.com\) +open$/m);
    assert.doesNotMatch(said, /Closed for now/);
    assert.match(said, /^ +admin \(\/admin\/\*\*\) +off, until 2027-01-15T10:00:00Z; deployed on$/m);
    assert.match(said, /^ +blog \(\/blog\/\*\*\) +off, as deployed$/m);
    assert.match(said, /^In effect everywhere by 2027-01-15T08:02:00Z: KV takes up to a minute/m);
    assert.match(await run('lockdown --local'), /locked down, until it is ended[^]*by 2027-01-15T08:01:00Z: the gate looks/);
    // Where nothing was switched yet, nothing tells a secret that is another one from the gate's.
    assert.match(await run('lockdown'), /^Then look: the site has to say “Closed for now”\. .* switch_refused/m);
    clock = NOW + 7_200_000;
    assert.match(await run('status'), /admin .* off, ended at 2027-01-15T10:00:00Z; deployed on/);
    stored = seal(key, { written: NOW, hosts: ['docs.example.com'], switches: [{ rule: 'gone', sso: 'on' }] });
    assert.match(await run('status'), /gone +on, until it is ended; no rule in the settings has this id/);
    stored = undefined;
    assert.match(await run('status'), /^Nothing was ever switched\.$/m);
  });

  test('refuses what the gate would not believe, and writes nothing', async () => {
    for (const [line, problem] of [
      ['off admin', /needs an end/],
      ['optional admin', /needs an end/],
      ['off admin --for 31d', /30 days at most/],
      ['off admin --for 2', /no length of time/],
      ['off admin --for 0h', /no length of time/],
      ['lockdown --for 999999999d', /after the year 9999/],
      ['off admin --until 2027-01-15T07:59:59Z', /no time to come/],
      ['off admin --until 2027-01-15T10:00', /with its zone/],
      ['off admin --until tomorrow', /no time to come/],
      ['lockdown --until 2027-02-31T18:00Z', /no time to come/],
      ['off admin --for 2h --until 2027-01-15T10:00Z', /leave one out/],
      ['on nobody', /No rule has the id nobody\. There are: blog, admin\.$/],
      ['on watched', /No rule has the id watched/],
      ['on', /npm run switch -- status/],
      ['on blog admin', /npm run switch -- status/],
      ['lockdown blog', /npm run switch -- status/],
      ['clear blog --for 2h', /clear has no end/],
      ['of admin --for 2h', /npm run switch -- status/],
      ['status --fast', /Unknown option/],
    ]) {
      await refused(line, problem);
      assert.equal(stored, undefined, line);
    }
    await writeFile(config, wrangler(false));
    await refused('lockdown', /no switch = true/);
    await writeFile(config, wrangler().replace(/^hosts = .*$/m, ''));
    await refused('lockdown', /name no hosts/);
    await writeFile(config, 'name = "gate"\nmain = "entry.js"\ncompatibility_date = "2026-04-26"\n[vars]\nPORTCULLIS = "{ hosts"\n');
    await refused('lockdown', /are not JSON/);
    await writeFile(config, wrangler());
  });

  test('builds upon nothing that it cannot believe', async () => {
    await run('lockdown');
    const ours = stored;
    const foreign = seal(switchKey(Buffer.alloc(32, 1)), { written: NOW, hosts: ['docs.example.com'], switches: [] });
    const elsewhere = seal(key, { written: NOW, hosts: ['else.example'], switches: [] });
    for (const entry of [foreign, `${ours} `, ours.slice(1), 'x', elsewhere]) {
      stored = entry;
      await refused('status', /--replace/);
      await refused('on blog', /--replace/);
      assert.equal(stored, entry);
      await run('on blog --replace');
      assert.deepEqual(switches(), [{ rule: 'blog', sso: 'on' }]);
    }
  });

  test('needs the secret, or the key that can switch and nothing else', async () => {
    await refused('lockdown', /PORTCULLIS_SECRET is missing/, { environment: {} });
    for (const secret of ['c2hvcnQ=', `${PORTCULLIS_SECRET.slice(0, 9)}!${PORTCULLIS_SECRET.slice(9)}`]) {
      await refused('lockdown', /base64 of at least 32 bytes/, { environment: { PORTCULLIS_SECRET: secret } });
    }
    const shown = await run('key');
    for (const wrong of ['c2hvcnQ=', `${shown.slice(0, 9)}!${shown.slice(9)}`]) {
      await refused('lockdown', /PORTCULLIS_SWITCH_KEY is no key/, { environment: { PORTCULLIS_SWITCH_KEY: wrong } });
    }
    assert.equal(shown, key.toString('base64'));
    await run('lockdown', { environment: { PORTCULLIS_SWITCH_KEY: shown } });
    assert.deepEqual(switches(), [{ lockdown: true }]);
    // During a rotation the entry of the old secret is read, and written anew with the new one.
    const rotated = { ...gateSecrets(), PORTCULLIS_SECRET_PREVIOUS: PORTCULLIS_SECRET };
    await run('on blog', { environment: rotated });
    assert.equal(open([key], stored), undefined);
    const after = switchKey(Buffer.from(rotated.PORTCULLIS_SECRET, 'base64'));
    assert.deepEqual(open([after], stored).switches, [{ lockdown: true }, { rule: 'blog', sso: 'on' }]);
    // What is on this machine is for this machine.
    await writeFile(join(directory, '.dev.vars'), `PORTCULLIS_SECRET="${PORTCULLIS_SECRET}"\n`);
    stored = undefined;
    await refused('lockdown', /PORTCULLIS_SECRET is missing/, { environment: {} });
    await run('lockdown --local', { environment: {} });
    assert.deepEqual(switches(), [{ lockdown: true }]);
  });

  test('reads the secrets of this machine as wrangler does, and those of the environment', async () => {
    const local = async (line = 'lockdown --local', more = {}) => {
      stored = undefined;
      await run(line, { environment: more });
      return open([key], stored)?.switches.length;
    };
    for (const text of [`"${PORTCULLIS_SECRET}" # ours`, `${PORTCULLIS_SECRET} # ours`, `'${PORTCULLIS_SECRET}'`, `\`${PORTCULLIS_SECRET}\`\r`]) {
      for (const before of ['', 'export ', 'OTHER="a\nPORTCULLIS_SECRET=b"\n# PORTCULLIS_SECRET=c\n']) {
        await writeFile(join(directory, '.dev.vars'), `${before}PORTCULLIS_SECRET=${text}\n`);
        assert.equal(await local(), 1, before + text);
      }
    }
    await writeFile(config, wrangler().replaceAll('vars.PORTCULLIS', 'env.staging.vars.PORTCULLIS').replace('[[kv_', '[[env.staging.kv_'));
    await writeFile(join(directory, '.dev.vars'), `PORTCULLIS_SECRET="${gateSecrets().PORTCULLIS_SECRET}"\n`);
    await writeFile(join(directory, '.dev.vars.staging'), `PORTCULLIS_SECRET="${PORTCULLIS_SECRET}"\n`);
    assert.equal(await local('lockdown --local --env staging'), 1);
    await rm(join(directory, '.dev.vars.staging'));
    assert.equal(await local('lockdown --local --env staging'), undefined);
    await writeFile(config, wrangler());
  });

  test('finds portcullis.json where the entry does', async () => {
    const elsewhere = join(directory, 'elsewhere');
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, 'entry.js'), 'export default {};');
    await writeFile(join(elsewhere, 'portcullis.json'), JSON.stringify({ hosts: ['docs.example.com'], switch: true, rules: [{ id: 'there', path: '/' }] }));
    await writeFile(config, 'name = "gate"\nmain = "elsewhere/entry.js"\ncompatibility_date = "2026-04-26"\n');
    await run('on there');
    assert.deepEqual(switches(), [{ rule: 'there', sso: 'on' }]);
    await writeFile(config, wrangler());
  });

  test('reaches the namespace on this machine through wrangler', async () => {
    const options = { store: kvStore };
    await run('lockdown --local', options);
    assert.match(await run('status --local', options), /locked down, until it is ended/);
  });
});
