// `npm run switch` and the namespace that is deployed, through wrangler: Cloudflare's interface is played here, as
// its reference describes it (developers.cloudflare.com/api/resources/kv).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { kvStore } from '../../scripts/switch/store.mjs';
import { runSwitch } from '../../scripts/switch.mjs';
import { gateSecrets } from './support/site.mjs';

const { PORTCULLIS_SECRET } = gateSecrets();
const NAMESPACE = '0123456789abcdef0123456789abcdef';
const TOKEN = 'the-operators-token';
const CONFIG = `
name = "gate"
compatibility_date = "2026-04-26"
account_id = "apiary"
[[kv_namespaces]]
binding = "PORTCULLIS_KV"
id = "${NAMESPACE}"
[vars.PORTCULLIS]
hosts = ["docs.example.com"]
switch = true
[[vars.PORTCULLIS.rules]]
id = "blog"
path = "/blog/**"
`;

describe('npm run switch, of what is deployed', { timeout: 180_000 }, () => {
  let directory;
  let cloudflare;
  /** What the namespace holds; none of it where there is no such namespace. */
  let namespace;
  let failure;
  let asked;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portcullis-test-'));
    await writeFile(join(directory, 'wrangler.toml'), CONFIG);
    cloudflare = createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const [status, text] = answer(request, Buffer.concat(chunks).toString());
      response.writeHead(status, { 'content-type': 'application/json' }).end(text);
    }).listen(0, '127.0.0.1');
    await once(cloudflare, 'listening');
    process.env.CLOUDFLARE_API_BASE_URL = `http://127.0.0.1:${cloudflare.address().port}/client/v4`;
    process.env.CLOUDFLARE_API_TOKEN = TOKEN;
  });
  after(async () => {
    cloudflare.close();
    await rm(directory, { recursive: true });
  });
  beforeEach(() => {
    namespace = new Map();
    failure = undefined;
    asked = [];
  });

  function answer({ method, url, headers }, body) {
    asked.push(method);
    const [, id, what, key] = /^\/client\/v4\/accounts\/apiary\/storage\/kv\/namespaces\/([^/?]+)\/(keys|values)\/?([^?]*)/.exec(url) ?? [];
    const refused = (status, code, message) => [status, JSON.stringify({ success: false, errors: [{ code, message }], messages: [], result: null })];
    const fine = (result) => [200, JSON.stringify({ success: true, errors: [], messages: [], result, result_info: { cursor: '' } })];
    if (failure) return refused(...failure);
    if (headers.authorization !== `Bearer ${TOKEN}`) return refused(403, 10000, 'Authentication error');
    if (id !== NAMESPACE || !namespace) return refused(404, 10013, 'namespace not found');
    if (what === 'keys') return fine([...namespace.keys()].map((name) => ({ name })));
    if (method === 'PUT') return namespace.set(key, body) && fine({});
    return namespace.has(key) ? [200, namespace.get(key)] : refused(404, 10009, "get: 'key not found'");
  }

  async function run(line) {
    let said = '';
    const args = [...line.split(' '), '--config', join(directory, 'wrangler.toml')];
    await runSwitch(args, { environment: { PORTCULLIS_SECRET }, store: kvStore, now: Date.now, say: (text) => (said += text) });
    return said;
  }

  test('an entry is written, read and built upon', async () => {
    assert.match(await run('status'), /^Nothing was ever switched/);
    await run('lockdown');
    await run('on blog');
    const said = await run('status');
    assert.match(said, /locked down, until it is ended/);
    assert.match(said, /blog \(\/blog\/\*\*\) +on, until it is ended/);
  });

  test('a namespace that is not there is not one in which nothing was ever switched', async () => {
    namespace = undefined;
    for (const line of ['status', 'lockdown']) {
      await assert.rejects(run(line), ({ message }) => message.startsWith('PORTCULLIS_KV could not be read:') && message.includes('namespace not found'));
    }
    assert.ok(!asked.includes('PUT'));
  });

  test('where Cloudflare refuses or fails, nothing is written', async () => {
    for (const refusal of [[403, 10000, 'Authentication error'], [500, 10001, 'internal error']]) {
      failure = refusal;
      await assert.rejects(run('lockdown'), ({ message }) => message.startsWith('PORTCULLIS_KV could not be read:'));
    }
    assert.ok(!asked.includes('PUT'));
  });
});
