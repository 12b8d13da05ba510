// A panic in WebAssembly takes the whole instance with it. What must be left of that is one clean answer
// for everybody who was waiting, and a fresh instance for the next request.
//
// The build for these tests panics on demand, at four addresses (see src/worker/drill.rs); it is made when it is
// not there, which takes a minute or two.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, beforeEach, describe, test } from 'node:test';
import { build } from '../../scripts/build.mjs';
import { head, navigation } from './support/exchange.mjs';
import { LOCAL, startSite } from './support/site.mjs';

const OUT = 'build-drill';

before(() => build({ features: 'drill', out: OUT }), { timeout: 900_000 });

describe('a panic', { timeout: 30_000 }, () => {
  let site;
  let cookie;
  let answerAtOnce;

  before(async () => {
    site = await startSite({ origin: 'address', gate: { build: OUT } });
    answerAtOnce = site.server.answer;
    ({ cookie } = await site.signIn({ path: '/a' }));
  });
  after(() => site.stop());
  beforeEach(() => {
    site.server.answer = answerAtOnce;
    return site.arrived();
  });

  // Where it happens, and how long a request is under way before it does.
  const places = [
    ['before anything is awaited', '/.auth/drill/now'],
    ['after something was awaited', '/.auth/drill/later'],
    ['in the synchronous part', '/.auth/drill/fast'],
    ['by a full stack', '/.auth/drill/deep'],
  ];
  for (const [place, path] of places) {
    describe(place, () => {
      // A fresh instance has no settings yet, and asks the asynchronous part first.
      beforeEach(() => site.send('/public/x'));

      test('is a 503 that nobody keeps', async () => {
        const person = { ...navigation, cookie };
        for (const headers of [{}, { cookie }, person]) {
          await site.send('/public/x');
          const answer = await site.send(path, { headers });
          assert.deepEqual([answer.status, answer.header('cache-control')], [503, 'no-store']);
          assert.equal(answer.header('retry-after'), '1');
          assert.doesNotMatch(answer.body, /panic|drill|wasm|unreachable|Error/i);
          assert.deepEqual(answer.all('set-cookie'), []);
          const isPage = headers === person;
          assert.equal(answer.header('content-type'), `text/${isPage ? 'html' : 'plain'}; charset=utf-8`);
          assert.ok(answer.body.includes(isPage ? '<h1>This site cannot answer</h1>' : 'Code instance_broken'), answer.body);
          const request = /request (?:<code>)?(\w{12})/.exec(answer.body)[1];
          const { record } = await site.gate.logs.until((entry) => entry.record?.request === request);
          assert.deepEqual([record.code, record.host, record.path], ['instance_broken', 'localhost', path]);
        }
      });

      test('does not last: the next request is answered', async () => {
        for (let round = 0; round < 3; round += 1) {
          await site.send('/public/x');
          assert.equal((await site.send(path, { headers: { cookie } })).status, 503);
          const answer = await site.send('/x', { headers: { cookie } });
          assert.deepEqual([answer.status, answer.body], [200, 'from the origin']);
          assert.equal((await site.send('/x')).status, 401);
        }
      });

      test('takes with it what was remembered of a cookie', async () => {
        for (let round = 0; round < 3; round += 1) {
          await site.send('/public/x');
          for (let visit = 0; visit < 3; visit += 1) {
            const answer = await site.send('/x', { headers: { cookie } });
            assert.deepEqual([answer.status, answer.body], [200, 'from the origin'], `${round}, ${visit}`);
          }
          assert.equal((await site.send(path, { headers: { cookie } })).status, 503);
        }
      });

      test('shows the origin nothing', async () => {
        await site.arrived();
        await site.send(path, { headers: { cookie } });
        await site.send(path, { method: 'POST', headers: { cookie, origin: LOCAL }, body: 'a=b' });
        assert.deepEqual(await site.arrived(), []);
      });

      test('leaves a body alone that is on its way', async () => {
        site.server.answer = (request, response) => request.pipe(response);
        const sending = site.start('/echo', { method: 'POST', headers: { cookie, origin: LOCAL } });
        sending.write('before');
        const { stream } = await head(sending);
        assert.equal(await next(stream), 'before');
        assert.equal((await site.send(path, { headers: { cookie } })).status, 503);
        sending.write('after');
        assert.equal(await next(stream), 'after');
        sending.end();
        stream.resume();
        await once(stream, 'end');
      });

      test('leaves alone who waits for the origin', async () => {
        // The first request of an instance, and one of those that are decided at once.
        for (const isFirst of [true, false]) {
          if (isFirst) await site.send('/.auth/drill/now');
          const { promise: arrived, resolve } = withResolvers();
          site.server.answer = (_request, response) => resolve(response);
          const waiting = site.send('/slow', { headers: { cookie } });
          const response = await arrived;
          site.server.answer = answerAtOnce;
          assert.equal((await site.send(path, { headers: { cookie } })).status, 503);
          response.end('late');
          const { status, body } = await waiting;
          assert.deepEqual([status, body], [200, 'late']);
          await site.send('/public/x');
        }
      });

      test('ends what was waiting beside it, cleanly and soon', async () => {
        const began = Date.now();
        const waiting = [];
        for (let index = 0; index < 5; index += 1) {
          waiting.push(site.send('/.auth/login?return_to=/a', { headers: navigation }));
          waiting.push(site.send('/x', { headers: { cookie } }));
          waiting.push(site.send('/.auth/drill/slow-sibling', { headers: { cookie } }));
        }
        waiting.push(site.send(path, { headers: { cookie } }));
        for (let index = 0; index < 5; index += 1) waiting.push(site.send('/public/x', { headers: { cookie } }));
        const answers = await Promise.all(waiting);
        for (const { status, lines, body } of answers) {
          assert.ok([200, 404, 503].includes(status), `${status}: ${body}`);
          if (status === 503) assert.ok(lines.some(([name, value]) => name === 'cache-control' && value === 'no-store'));
        }
        assert.ok(answers.some(({ status }) => status === 503));
        assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`);
        assert.equal((await site.send('/x', { headers: { cookie } })).status, 200);
      });
    });
  }

  test('is logged, as trouble of the gate or by the runtime', async () => {
    const before = site.gate.logs.length;
    await site.send('/public/x');
    await site.send('/.auth/drill/now', { headers: { cookie } });
    await site.gate.logs.until((entry) => site.gate.logs.indexOf(entry) >= before && entry.level === 'error');
  });

  test('is logged with no more of a host than the longest has', async () => {
    await site.send('/public/x');
    const answer = await site.send('/.auth/drill/fast', { headers: { host: 'h'.repeat(4_000) } });
    const request = /request (\w{12})$/m.exec(answer.body)[1];
    const { record } = await site.gate.logs.until((entry) => entry.record?.request === request);
    assert.equal(record.host, 'h'.repeat(270));
  });

  test('is not to be had in the build that is deployed', async () => {
    const deployed = await startSite();
    try {
      for (const [, path] of places) assert.equal((await deployed.send(path)).status, 404);
    } finally {
      await deployed.stop();
    }
  });
});

function withResolvers() {
  let resolve;
  const promise = new Promise((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

async function next(stream) {
  for (;;) {
    const chunk = stream.read();
    if (chunk !== null) return chunk.toString();
    await once(stream, 'readable');
  }
}
