// The demo's rules do what policy.tests.toml expects of them, by the commands that the papers name.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const directory = mkdtempSync(join(tmpdir(), 'portcullis-policy-'));
after(() => rmSync(directory, { recursive: true }));

const npm = (name, ...args) => spawnSync('npm', ['run', '--silent', name, '--', ...args], { cwd: root, encoding: 'utf8' });

test('npm run policy-test: what is expected of the demo holds', () => {
  const { status, stdout } = npm('policy-test');
  assert.equal(status, 0, stdout);
  assert.match(stdout, /^TAP version 13\n(?:ok .+\n)+1\.\.\d+\n# \d+ passed, 0 failed\n$/);
});

test('npm run policy-test: rules that open the administration fail it', () => {
  const config = join(directory, 'wrangler.toml');
  const settings = readFileSync(join(root, 'wrangler.toml'), 'utf8');
  const opened = settings.replace('allow = [{ group = "admins" }]', 'sso = false');
  assert.notEqual(opened, settings);
  writeFileSync(config, opened);
  const { status, stdout } = npm('policy-test', '--config', config);
  assert.notEqual(status, 0);
  assert.match(stdout, /not ok \d+ - the administration is for admins [^\n]+\n  ---\n  decision:\n    expected: denied\n    got:      public\n/);
});

test('npm run explain: why bob does not see the administration', () => {
  const claims = join(directory, 'claims.json');
  writeFileSync(claims, JSON.stringify({ sub: 'bob', groups: ['staff'] }));
  const { status, stdout } = npm('explain', '--json', '--as', claims, '/admin/');
  assert.equal(status, 0, stdout);
  const { decision, rule, reason } = JSON.parse(stdout);
  assert.deepEqual({ decision, rule: rule.id, reason }, { decision: 'denied', rule: 'admin', reason: 'allow' });
});
