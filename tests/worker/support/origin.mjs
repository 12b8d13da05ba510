// What the gate protects, in the three places where it can stand: another Worker, the zone that the
// Worker is a route of, a server with an address. All record what arrives.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { send } from './exchange.mjs';

const scriptPath = fileURLToPath(new URL('recorder.mjs', import.meta.url));

/** The Worker, for Miniflare. */
export function recorder({ provider } = {}) {
  return {
    modules: true,
    scriptPath,
    compatibilityDate: '2026-04-26',
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
    bindings: { ...(provider && { PROVIDER: provider }) },
  };
}

/**
 * The header that tells the origin what to answer.
 *
 * @param {object} answer
 * @param {number} [answer.status]
 * @param {string} [answer.statusText]
 * @param {string[][]} [answer.headers]
 * @param {string} [answer.body]
 * @param {string} [answer.base64]   the body, where it is no text
 * @param {number} [answer.fill]     a body of so many bytes
 * @param {boolean} [answer.echo]    the request's body, as it comes
 * @param {boolean} [answer.fail]    no answer, but an exception
 */
export function answering(answer) {
  return { 'x-answer': JSON.stringify(answer) };
}

/** What arrived at the Worker of this name since the last time. */
export async function arrivedAt(mf, name) {
  const answer = await send('http://recorder.test/', { through: await mf.unsafeGetDirectURL(name) });
  return answer.json().map((record) => new Arrival(record));
}

/**
 * A server on an address of its own. It records the request line and the header lines as they came
 * over the wire; `answer` may be replaced by a test.
 */
export async function startServer() {
  const arrived = [];
  const origin = {
    answer: answerAsTold,
    arrived: () => arrived.splice(0),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  const record = ({ url, method, rawHeaders }) => {
    const headers = [];
    for (let index = 0; index < rawHeaders.length; index += 2) headers.push(rawHeaders.slice(index, index + 2));
    arrived.push(new Arrival({ url, method, headers }));
  };
  const server = createServer((request, response) => {
    record(request);
    origin.answer(request, response);
  });
  const sockets = new WebSocketServer({ noServer: true });
  sockets.on('headers', (lines, request) => {
    const { headers = [] } = JSON.parse(request.headers['x-answer'] ?? '{}');
    lines.push(...headers.map(([name, value]) => `${name}: ${value}`));
  });
  server.on('upgrade', (request, socket, head) => {
    record(request);
    sockets.handleUpgrade(request, socket, head, (client) =>
      client.on('message', (data, binary) => client.send(data, { binary })),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin.address = `http://127.0.0.1:${server.address().port}`;
  return origin;
}

function answerAsTold(request, response) {
  const told = JSON.parse(request.headers['x-answer'] ?? '{}');
  const { status = 200, statusText, headers = [], body = 'from the origin', base64, fill } = told;
  if (told.fail) return response.destroy();
  // Only then: a proxy that is still sending when the connection ends has no answer for its visitor.
  request.resume().once('end', () => {
    response.writeHead(status, statusText, headers.flat());
    if (base64 !== undefined) return response.end(Buffer.from(base64, 'base64'));
    return response.end(fill === undefined ? body : Buffer.from(Uint8Array.from({ length: fill }, (_, index) => index % 251)));
  });
}

/** One request as it arrived. */
class Arrival {
  constructor(record) {
    Object.assign(this, record);
  }

  /** The value of a header, if it is there. */
  header(name) {
    return this.headers.find(([other]) => other.toLowerCase() === name)?.[1];
  }

  /** The names of the headers, lower case. */
  get names() {
    return this.headers.map(([name]) => name.toLowerCase());
  }
}
