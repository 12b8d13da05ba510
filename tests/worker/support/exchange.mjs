// One HTTP exchange as it is on the wire: nothing followed, decoded, joined or added by a client.
// The platform's `fetch` will not do: it overwrites `Sec-Fetch-Mode` and resolves paths.

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { connect } from 'node:net';

/** The headers of a browser that opens a page in a tab. */
export const navigation = {
  accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
  'sec-fetch-dest': 'document',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'none',
  'sec-fetch-user': '?1',
};

/**
 * Sends a request and reads the answer to its end.
 *
 * @param {string} url  its path is sent as it stands here
 * @param {object} [options]
 * @param {string} [options.method]
 * @param {object|string[][]} [options.headers]  pairs where a name is repeated or its case matters
 * @param {string|Uint8Array} [options.body]
 * @param {string|URL} [options.through]  the socket that serves the host of `url`, when it is not its own
 * @returns {Promise<Answer>}
 */
export async function send(url, options) {
  const answer = await open(url, options);
  const chunks = [];
  for await (const chunk of answer.stream) chunks.push(chunk);
  answer.bytes = Buffer.concat(chunks);
  return answer;
}

/** Sends a request and resolves with the head of the answer; its body is in `stream`. */
export async function open(url, { body, ...options } = {}) {
  const sending = start(url, { ...options, length: body === undefined ? undefined : Buffer.byteLength(body) });
  sending.end(body);
  return head(sending);
}

/** The request alone, for a body that is written bit by bit. */
export function start(url, { method = 'GET', headers = {}, length, through = url } = {}) {
  const [, host, path] = /^https?:\/\/([^/?#]+)(.*)$/s.exec(url);
  const pairs = Array.isArray(headers) ? headers : Object.entries(headers);
  const named = (name) => pairs.some(([other]) => other.toLowerCase() === name);
  const socket = new URL(through);
  const { request } = socket.protocol === 'https:' ? https : http;
  return request({
    host: '127.0.0.1',
    port: socket.port,
    path: path.startsWith('/') ? path : `/${path}`,
    method,
    agent: false,
    rejectUnauthorized: false,
    headers: [
      ...(named('host') ? [] : [['Host', host]]),
      ...(length === undefined || named('content-length') ? [] : [['Content-Length', String(length)]]),
      ...pairs,
    ].flat(),
  });
}

/** The head of the answer to a request that was started. */
export async function head(sending) {
  const [stream] = await once(sending, 'response');
  return new Answer(stream);
}

/**
 * Writes `text` to the socket, byte for byte, and resolves with the status of the answer: for what no
 * client sends. `undefined` when the socket is closed without one.
 */
export async function sendBytes(through, text) {
  const socket = connect(Number(new URL(through).port), '127.0.0.1');
  let answer = '';
  try {
    socket.write(Buffer.from(text, 'latin1'));
    for await (const chunk of socket) {
      answer += chunk.toString('latin1');
      const status = /^HTTP\/1\.1 (\d{3}) .*\r\n\r\n/s.exec(answer)?.[1];
      if (status) return Number(status);
    }
    return undefined;
  } finally {
    socket.destroy();
  }
}

class Answer {
  constructor(stream) {
    /** The body, as it comes. */
    this.stream = stream;
    /** The body, once it was read. */
    this.bytes = Buffer.alloc(0);
    this.status = stream.statusCode;
    this.statusText = stream.statusMessage;
    /** The header lines, in their order. */
    this.lines = [];
    for (let index = 0; index < stream.rawHeaders.length; index += 2) {
      this.lines.push([stream.rawHeaders[index].toLowerCase(), stream.rawHeaders[index + 1]]);
    }
  }

  get body() {
    return this.bytes.toString();
  }

  /** Every value of a header. */
  all(name) {
    return this.lines.filter(([other]) => other === name).map(([, value]) => value);
  }

  /** The value of a header that is there once at the most. */
  header(name) {
    const values = this.all(name);
    if (values.length > 1) throw new Error(`${name} is there ${values.length} times: ${values.join(' | ')}`);
    return values[0];
  }

  json() {
    return JSON.parse(this.body);
  }
}
