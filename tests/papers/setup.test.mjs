// What a fresh clone is told before anything is built, and what stays out of the repository.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireNode, root, SetupError } from '../../scripts/setup.mjs';

const read = (file) => readFile(join(root, file), 'utf8');

test('a Node that is older than the README and package.json say is refused, and no other', async () => {
  const [, wanted] = /Node (\S+) or later/.exec(await read('README.md'));
  assert.equal(JSON.parse(await read('package.json')).engines.node, `>=${wanted}`);
  for (const version of ['16.20.2', '18.19.1', '20.0.0', '20.2.0']) {
    await assert.rejects(requireNode(version), (error) => error instanceof SetupError && error.message.includes(`Node ${wanted} or later is needed; this is ${version}.`));
  }
  for (const version of [`${wanted}.0`, '20.20.2', '21.0.0', '22.1.0', process.versions.node]) await requireNode(version);
});

test('the first build says that it takes a few minutes', { timeout: 60_000 }, async () => {
  const out = await mkdtemp(join(tmpdir(), 'portcullis-build-'));
  const build = spawn(process.execPath, ['scripts/build.mjs'], { cwd: root, detached: true, env: { ...process.env, PORTCULLIS_OUT: out }, stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise((resolve) => build.once('close', resolve));
  let said = '';
  for await (const chunk of build.stdout.setEncoding('utf8')) {
    said += chunk;
    if (said.includes('The first build of the module takes a few minutes.')) break;
  }
  // Whether it builds is seen elsewhere.
  if (build.exitCode === null) process.kill(-build.pid, 'SIGKILL');
  await ended;
  await rm(out, { recursive: true, maxRetries: 3 });
  assert.match(said, /^build: The first build of the module takes a few minutes\.$/m);
});

test('a command does its work by way of a symbolic link, too', { timeout: 60_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'portcullis-link-'));
  const link = join(directory, 'current');
  await symlink(root, link);
  for (const [script, line, wanted, said] of [
    ['token', ['ci'], 0, /^ {2}ci\.[\w-]{43}$/m],
    ['token', ['C I'], 1, /Give the token an id/],
    ['switch', ['lock-down'], 1, /npm run switch -- lockdown/],
  ]) {
    const child = spawn(process.execPath, [join(link, `scripts/${script}.mjs`), ...line], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, wanted, script);
    assert.match(output, said);
  }
  await rm(directory, { recursive: true });
});

test('Git ignores the files that the papers have people write', async () => {
  const ignored = (await read('.gitignore')).split('\n');
  const settings = await read('docs/settings.md');
  for (const [name, pattern] of [['wrangler.local.toml', '/wrangler.local*.toml'], ['.dev.vars.rotation', '.dev.vars*']]) {
    assert.ok(settings.includes(name), name);
    assert.ok(ignored.includes(pattern), pattern);
  }
});
