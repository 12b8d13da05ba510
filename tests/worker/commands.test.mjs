// What the commands say of a request is what the built module does with it, in workerd and with a session of a login:
// rules and requests are drawn, the same ones each time.

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { claimsOf, people } from '../../demo/provider/people.mjs';
import { root } from '../../scripts/setup.mjs';
import { LOCAL, startSite } from './support/site.mjs';

const run = promisify(execFile);
const COMMAND = join(root, 'target/debug/portcullis');
const REQUESTS = 80;

const OTHER = 'https://app.example.com';
const PATHS = ['/**', '/a', '/a/**', '/a/*', '/a/b', '/admin/**', '/blog/**', '/a/*.html', '/api/**', '/café/**'];
const SENT = `/ /a /a/ /a/b /a/b/c /admin/x /%61dmin/ /ADMIN /blog/x /blog/../admin /blog/./x /blog/.. /blog/..%2fadmin /blog/%2e%2e/admin
  /blog/%252e%252e/admin /a//b //a/b /a/x.html /a/x /caf%C3%A9/x /a/b;x /a%2Fb /a/b. /a\\b /api/x?y=/../z /.auth/nothing /.auth/../a /a/% /a/%00`.split(/\s+/);
const METHODS = ['GET', 'GET', 'GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'];
/** What the origin is told by, of each way to tell it. */
const HEADERS = [undefined, { preset: 'remote' }, { subject: false, provider: false, email: false, name: false, groups: false }];

/** Numbers between 0 and 1, the same for the same seed (mulberry32). */
function drawing(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { chance: (share) => next() < share, one: (list) => list[Math.floor(next() * list.length)] };
}

function selectorOf({ chance, one }, depth = 0) {
  if (depth < 2 && chance(0.3)) return { [one(['any', 'all', 'none'])]: [0, 1].map(() => selectorOf({ chance, one }, depth + 1)) };
  return one([
    { group: ['staff', 'admins'] },
    { group: 'admins' },
    { email: 'BOB@example.com' },
    { email_domain: 'example.com' },
    { claim: 'name', matches: 'Ada*' },
    { provider: 'demo' },
    { ip: '192.0.2.0/24' },
    { country: 'CH' },
    { amr: 'otp' },
    { role: 'nobody' },
  ]);
}

function rulesOf({ chance, one }) {
  const list = () => [selectorOf({ chance, one }), ...(chance(0.4) ? [selectorOf({ chance, one })] : [])];
  return Array.from({ length: 7 }, (_, rank) => {
    const kind = one(['public', 'optional', 'policy', 'policy', 'report']);
    return {
      id: `rule-${rank}`,
      path: one(PATHS),
      ...(chance(0.25) && { methods: [one(['GET', 'POST', 'DELETE'])] }),
      ...(kind === 'public' && { sso: false }),
      ...(kind === 'optional' && { sso: 'optional' }),
      ...(['policy', 'report'].includes(kind) && { allow: list(), ...(chance(0.3) && { deny: list() }) }),
      ...(kind === 'report' && { mode: 'report' }),
      ...(kind !== 'report' && chance(0.3) && { origins: [OTHER], preflight: chance(0.5) }),
    };
  });
}

function requestOf({ chance, one }) {
  const method = one(METHODS);
  return {
    path: one(SENT),
    method,
    who: one([undefined, 'ada', 'bob']),
    ip: one([undefined, '192.0.2.7', '203.0.113.5']),
    headers: {
      ...(chance(0.6) && { Origin: one([LOCAL, LOCAL, OTHER, 'https://evil.example']) }),
      ...(method === 'OPTIONS' && { 'Access-Control-Request-Method': one(['POST', 'DELETE']) }),
      ...(chance(0.06) && { 'X-HTTP-Method-Override': 'DELETE' }),
    },
  };
}

describe('explain', { timeout: 600_000 }, () => {
  let directory;

  before(async () => {
    const built = spawnSync('cargo', ['build', '--quiet', '--locked', '--features', 'check', '--bin', 'portcullis'], { cwd: root, encoding: 'utf8' });
    assert.equal(built.status, 0, built.stderr);
    directory = await mkdtemp(join(tmpdir(), 'portcullis-test-'));
    await writeFile(join(directory, 'wrangler.toml'), 'name = "site"\n');
  });
  after(() => rm(directory, { recursive: true }));

  /** What a command says: its answer, or why there is none. */
  const command = async (...args) => {
    const { stdout, stderr } = await run(COMMAND, [...args, '--config', join(directory, 'wrangler.toml')]).catch((error) => error);
    return stdout || stderr;
  };

  /** Rules that the settings take: what can never match is drawn anew. */
  async function drawRules(dice, settings) {
    for (;;) {
      const rules = [{ path: '/sign-in' }, ...rulesOf(dice)];
      await writeFile(join(directory, 'portcullis.json'), JSON.stringify({ ...settings, rules }));
      const said = await command('explain', '/');
      if (!said.startsWith('wrong: ')) return rules;
      assert.match(said, /^wrong: rules\[\d\]/);
    }
  }

  /** What the module did, in the words of the command. */
  function assertSame(told, { answer, arrived }, row) {
    assert.equal(arrived.length, told.forwarded ? 1 : 0, row);
    if (told.forwarded) {
      const headers = arrived[0].headers.filter(([name]) => /^(x-auth-|remote-)/.test(name));
      const identity = Object.entries(told.identity).map(([name, value]) => [name.toLowerCase(), value]);
      assert.deepEqual(Object.fromEntries(headers), Object.fromEntries(identity), row);
      assert.match(answer.header('cache-control') ?? '', told.decision === 'public' || told.decision === 'preflight' ? /^(?!.*private)/ : /private/, row);
      return;
    }
    assert.equal(answer.status, told.status, row);
    if (answer.body === '') return;
    const codes = { denied: 'not_allowed', 'sign-in': 'sign_in_required', 'step-up': 'step_up_required' };
    assert.equal(answer.json().code, codes[told.decision] ?? told.reason, row);
  }

  for (const [rank, headers] of HEADERS.entries()) {
    test(`says what the module does, of rules that are drawn (${rank + 1})`, async () => {
      const dice = drawing(4_711 + rank);
      const rules = await drawRules(dice, {
        hosts: ['localhost'],
        origin: { service: 'SITE' },
        providers: [{ id: 'demo', title: 'Demo provider', issuer: 'https://id.example', client_id: 'portcullis' }],
        ...(headers && { headers }),
      });
      const site = await startSite({ settings: { rules, ...(headers && { headers }) } });
      try {
        const cookies = {};
        for (const user of ['ada', 'bob']) ({ cookie: cookies[user] } = await site.signIn({ path: '/sign-in', user }));
        await site.arrived();
        const said = {};
        for (let left = REQUESTS; left; left -= 1) {
          const { path, method, who, ip, headers: sent } = requestOf(dice);
          const args = ['--json', '--method', method, ...Object.entries(sent).flatMap(([name, value]) => ['--header', `${name}: ${value}`])];
          if (who) args.push('--claims', JSON.stringify({ sub: who, ...claimsOf(people[who]) }));
          if (ip) args.push('--ip', ip);
          const told = JSON.parse(await command('explain', ...args, `${LOCAL}${path}`));
          const answer = await site.send(path, { method, headers: { ...sent, ...(who && { cookie: cookies[who] }), ...(ip && { 'cf-connecting-ip': ip }) } });
          const row = JSON.stringify({ path, method, who, ip, sent, told, status: answer.status, body: answer.body, rules });
          assertSame(told, { answer, arrived: await site.arrived() }, row);
          said[told.decision] = (said[told.decision] ?? 0) + 1;
        }
        assert.ok(Object.keys(said).length >= 5, `hardly anything was drawn: ${JSON.stringify(said)}`);
      } finally {
        await site.stop();
      }
    });
  }
});
