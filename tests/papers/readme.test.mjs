// What the papers promise is there: commands, links, files, and that CI runs the README's test command.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const read = (file) => readFileSync(join(root, file), 'utf8');
const papers = [...readdirSync(root), ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter((name) => name.endsWith('.md'));

/** The commands in the fenced blocks and in the text of a paper. */
function commands(text) {
  const fenced = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => block.trim().split('\n').map((line) => line.trim()));
  const inline = [...text.matchAll(/`((?:npm|npx|cargo|node) [^`]+)`/g)].map(([, command]) => command);
  return [...fenced, ...inline];
}

test('every npm command is a script of package.json', () => {
  const { scripts } = JSON.parse(read('package.json'));
  const seen = new Set();
  for (const paper of papers) {
    for (const command of commands(read(paper))) {
      const name = /^npm (?:run )?([a-z-]+)/.exec(command)?.[1];
      // npm's own: what scripts/setup.mjs runs.
      if (!name || name === 'ci') continue;
      seen.add(name);
      assert.ok(scripts[name], `${paper}: ${command}`);
    }
  }
  for (const name of ['start', 'test', 'check', 'explain', 'policy-test', 'bench']) assert.ok(seen.has(name), `no paper tells of npm ${name}`);
});

test('every wrangler command is one of wrangler', () => {
  const help = execFileSync(process.execPath, [join(root, 'node_modules/wrangler/bin/wrangler.js'), '--help'], {
    encoding: 'utf8',
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' },
  });
  let seen = 0;
  for (const paper of papers) {
    for (const command of commands(read(paper))) {
      const name = /npx wrangler ([a-z]+)/.exec(command)?.[1];
      if (!name) continue;
      seen += 1;
      assert.match(help, new RegExp(`wrangler ${name}\\b`), `${paper}: ${command}`);
    }
  }
  assert.ok(seen > 3);
});

/** A paper without its code: what stands in a block or between backquotes is shown, and links to nothing. */
const prose = (text) => text.replace(/^ *```[\s\S]*?^ *```/gm, '').replace(/`[^`\n]*`/g, 'code');

/** The names under which the headings of a paper can be linked to. */
const anchors = (text) =>
  [...text.replace(/^ *```[\s\S]*?^ *```/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replace(/\s/g, '-'));

test('every link within the project leads to a file, and to a heading of it', () => {
  let [files, headings] = [0, 0];
  for (const paper of papers) {
    for (const [, target, heading] of prose(read(paper)).matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const file = target ? normalize(join(dirname(paper), target)) : paper;
      assert.ok(existsSync(join(root, file)), `${paper}: ${target}`);
      files += 1;
      if (heading === undefined) continue;
      assert.ok(anchors(read(file)).includes(heading), `${paper}: ${target}#${heading}`);
      headings += 1;
    }
  }
  assert.ok(files > 30 && headings > 3, `${files} links, ${headings} to a heading`);
});

test('every file that ARCHITECTURE.md names is there', () => {
  for (const [, file] of read('ARCHITECTURE.md').matchAll(/`?((?:src|tests|bench|docs)\/[\w/.-]+?\.(?:rs|js|md))`?/g)) {
    assert.ok(existsSync(join(root, file)), file);
  }
});

test('CI runs the test command of the README and nothing else', () => {
  assert.ok(commands(read('README.md')).includes('npm test'));
  const lines = read('.ci/run').split('\n').filter((line) => line && !line.startsWith('#'));
  assert.deepEqual(lines, ['set -eu', 'cd "$(dirname "$0")/.."', 'exec npm test']);
});

test('no file is over 400 lines', () => {
  const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' });
  for (const file of files.split('\n').filter((name) => /\.(rs|m?js)$/.test(name))) {
    const lines = read(file).trimEnd().split('\n').length;
    assert.ok(lines <= 400, `${file} has ${lines} lines`);
  }
});
