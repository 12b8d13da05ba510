// Bodies go through while they are made, in both directions: each step here waits until the one before
// arrived at the other end, so a gate that kept a body back would never come to the end of it.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { head } from './support/exchange.mjs';
import { answering } from './support/origin.mjs';
import { LOCAL, startSite } from './support/site.mjs';

const MEGABYTE = 1 << 20;

for (const origin of ['service', 'zone', 'address']) {
  describe(`bodies, with ${origin} as the origin`, { timeout: 20_000 }, () => {
    let site;
    let headers;

    before(async () => {
      site = await startSite({ origin });
      const { cookie } = await site.signIn({ path: '/a' });
      headers = { cookie, origin: LOCAL };
    });
    after(() => site.stop());

    for (const path of ['/public/echo', '/echo']) {
      test(`a chunk comes back from ${path} before the next one is sent`, async () => {
        if (site.server) site.server.answer = (request, response) => request.pipe(response);
        const sending = site.start(path, { method: 'POST', headers: { ...headers, ...answering({ echo: true }) } });
        const answer = head(sending);
        sending.write('chunk 0');
        const { stream, ...rest } = await answer;
        assert.equal(rest.status, 200);
        assert.equal(await next(stream), 'chunk 0');
        for (const chunk of ['chunk 1', 'chunk 2', 'chunk 3']) {
          sending.write(chunk);
          assert.equal(await next(stream), chunk);
        }
        sending.end();
        await ended(stream);
      });

      test(`a megabyte goes to ${path} and comes back whole`, async () => {
        if (site.server) site.server.answer = (request, response) => request.pipe(response);
        const body = bytes(MEGABYTE);
        const answer = await site.send(path, { method: 'PUT', headers: { ...headers, ...answering({ echo: true }) }, body });
        assert.deepEqual([answer.status, answer.bytes.length], [200, MEGABYTE]);
        assert.equal(digestOf(answer.bytes), digestOf(body));
        const arrived = await site.arrived();
        assert.equal(arrived.at(-1).header('content-length'), String(MEGABYTE));
      });
    }
  });
}

describe('answers that go on and on', { timeout: 20_000 }, () => {
  let site;
  let headers;

  before(async () => {
    site = await startSite({ origin: 'address' });
    headers = { cookie: (await site.signIn({ path: '/a' })).cookie };
  });
  after(() => site.stop());

  for (const path of ['/public/events', '/events']) {
    test(`an event of ${path} arrives before the next one is made`, async () => {
      const streams = [];
      site.server.answer = (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
        response.write('retry: 1000\n\n');
        streams.push(response);
      };
      const answer = await site.open(path, { headers: { ...headers, accept: 'text/event-stream' } });
      assert.equal(answer.header('content-type'), 'text/event-stream');
      assert.equal(await next(answer.stream), 'retry: 1000\n\n');
      const [events] = streams;
      for (const event of ['id: 1\ndata: one\n\n', 'id: 2\ndata: two\n\n']) {
        events.write(event);
        assert.equal(await next(answer.stream), event);
      }
      events.end();
      await ended(answer.stream);
    });

    test(`the origin hears that the visitor of ${path} is gone`, async () => {
      let gone;
      site.server.answer = (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: first\n\n');
        // The runtime notices when it writes.
        const writing = setInterval(() => response.write('data: more\n\n'), 20);
        gone = once(response, 'close').then(() => clearInterval(writing));
      };
      const { stream } = await site.open(path, { headers });
      assert.equal(await next(stream), 'data: first\n\n');
      stream.destroy();
      await gone;
    });

    test(`an answer of ${path} that breaks off does not look whole`, async () => {
      site.server.answer = (_request, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('the beginning');
        setImmediate(() => response.destroy());
      };
      await assert.rejects(site.send(path, { headers }), { code: 'ECONNRESET' });
    });
  }

  test('a length that the origin told is told to the visitor', async () => {
    site.server.answer = (_request, response) => response.writeHead(200, { 'content-length': '5' }).end('12345');
    for (const path of ['/public/a', '/a']) {
      const answer = await site.send(path, { headers });
      assert.deepEqual(
        [answer.header('content-length'), answer.header('transfer-encoding'), answer.body],
        ['5', undefined, '12345'],
      );
    }
  });
});

async function next(stream) {
  for (;;) {
    const chunk = stream.read();
    if (chunk !== null) return chunk.toString();
    await once(stream, 'readable');
  }
}

async function ended(stream) {
  stream.resume();
  await once(stream, 'end');
}

function bytes(length) {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => index % 251));
}

function digestOf(data) {
  return createHash('sha256').update(data).digest('hex');
}
