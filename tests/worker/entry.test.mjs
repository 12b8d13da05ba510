// The entry around a module that is not the gate's: what it does while one never answers, what it remembers of an
// instance that is gone, and what of it can be reached.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Miniflare, Response } from 'miniflare';
import { startGate } from '../../scripts/gate.mjs';
import { root } from '../../scripts/setup.mjs';
import { head, navigation, send, start } from './support/exchange.mjs';
import { LOCAL } from './support/site.mjs';
import { gateWorker } from './support/worker.mjs';

describe('the entry', { timeout: 30_000 }, () => {
  let build;
  let gate;
  before(async () => {
    // Its glue is the pretended module; the WebAssembly beside it is there to be listed, and nobody loads it.
    build = await mkdtemp(join(tmpdir(), 'portcullis-'));
    await cp(join(root, 'tests/worker/support/module.mjs'), join(build, 'index.js'));
    await cp(join(root, 'build/index_bg.wasm'), join(build, 'index_bg.wasm'));
    gate = await startGate({ build, origin: { assets: false, services: { SITE: (request) => new Response(request.headers.get('x-who')) } } });
  });
  after(async () => {
    await gate?.dispose();
    await rm(build, { recursive: true });
  });

  const ask = (path, headers = {}) => send(`${LOCAL}${path}`, { through: gate.url, headers });

  describe('with an answer that never comes', () => {
    beforeEach(() => ask('/fresh'));

    /** Asks for what never comes, and waits until the module is asked for it; `comes` is the answer, if there is one soon. */
    async function waiting(headers = {}) {
      const sending = start(`${LOCAL}/never`, { through: gate.url, headers });
      const answer = head(sending);
      sending.end();
      while ((await ask('/waiting')).body !== '1') await delay(10);
      return { comes: (patience = 5_000) => Promise.race([answer, delay(patience, undefined, { ref: false })]) };
    }

    test('gives up after a minute, and not before', async () => {
      const { comes } = await waiting();
      await ask('/later?59');
      assert.equal(await comes(300), undefined, 'a provider may take that long');
      await ask('/later?2');
      const answer = await comes();
      assert.ok(answer, 'somebody waits for ever');
      const body = (await answer.stream.toArray()).join('');
      assert.deepEqual([answer.status, answer.header('cache-control'), answer.header('retry-after')], [503, 'no-store', '1']);
      assert.match(body, /^This site cannot answer .*\nCode instance_broken, request \w{12}\n$/);
      const request = /request (\w{12})$/m.exec(body)[1];
      const { level, record } = await gate.logs.until((entry) => entry.record?.request === request);
      assert.deepEqual([level, record.event, record.code, record.host, record.path], ['error', 'gate_trouble', 'instance_broken', 'localhost', '/never']);
      assert.match(record.detail, /deadline/);
    });

    test('says so on a page to a person', async () => {
      const { comes } = await waiting(navigation);
      await ask('/later?61');
      const answer = await comes();
      assert.deepEqual([answer?.status, answer?.header('content-type')], [503, 'text/html; charset=utf-8']);
      answer.stream.resume();
      await once(answer.stream, 'end');
    });

    test('breaks no instance: who comes next is answered by the same', async () => {
      const instance = (await ask('/instance')).body;
      const { comes } = await waiting();
      await ask('/later?61');
      (await comes()).stream.resume();
      assert.equal((await ask('/instance')).body, instance);
    });
  });

  // What the module has begun it holds in its memory until it has ended: a client that hangs up must not leave it there.
  test('lets an answer come to its end whose client has gone away', async () => {
    await ask('/fresh');
    const socket = connect(Number(new URL(gate.url).port), '127.0.0.1');
    socket.write('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
    while ((await ask('/waiting')).body !== '1') await delay(10);
    socket.resetAndDestroy();
    for (let round = 0; round < 100 && (await ask('/finished')).body !== '1'; round += 1) await delay(20);
    assert.equal((await ask('/finished')).body, '1');
  });

  test('remembers nothing of an instance that broke while somebody waited', async () => {
    const seen = async (cookie) => (await ask('/x', { cookie })).body;
    for (const visit of [1, 2]) assert.equal(await seen('ada'), 'ada', String(visit));
    // As after a panic that the entry does not catch: the instance is marked, and nobody answers.
    assert.equal((await ask('/panic')).status, 503);
    await ask('/instance');
    // In every instance of this module the header that is read first has the same number.
    for (const visit of [1, 2]) assert.equal(await seen('bob'), 'bob', String(visit));
    assert.equal(await seen('ada'), 'ada');
  });
});

test('nothing of the gate but its `fetch` can be reached', { timeout: 30_000 }, async () => {
  const looks = "import * as entry from './entry.js';\nexport default { fetch: () => Response.json(Object.entries(entry).map(([name, value]) => [name, Object.keys(value)])) };\n";
  const { modules, ...worker } = gateWorker({ name: 'gate' }, {});
  const mf = new Miniflare({ workers: [{ ...worker, modules: [{ type: 'ESModule', path: join(root, 'looks.mjs'), contents: looks }, ...modules] }] });
  try {
    const answer = await mf.dispatchFetch('http://localhost/');
    assert.deepEqual(await answer.json(), [['default', ['fetch']]]);
  } finally {
    await mf.dispose();
  }
});
