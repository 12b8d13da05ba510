// Makes a real provider lie: what it says is rewritten on the wire, after the library has said it and
// before the gate reads it. Everything the gate sends is noted on the way.

import { keepAddressOutOfTheLog, keepOutOfTheLog } from './confidential.mjs';

const DOCUMENTS = {
  '/.well-known/openid-configuration': 'metadata',
  '/jwks': 'keys',
  '/token': 'token',
  '/me': 'userinfo',
  '/session/end': 'logout',
};
const wires = new WeakMap();

/**
 * From now on `provider` (as `startProvider` gives it) plays these tricks and no others; without any
 * it is honest again. The calls of before are forgotten.
 *
 * `metadata`, `keys`, `token`, `userinfo` and `logout` are functions of the answer `{ status, headers, json }`,
 * which they change in place; a `body` (text or bytes) put into it goes out as it is, and a `send`
 * gets the raw response. They may take their time. `response` is one of the parameters of the
 * authorization response, on its way to the browser, errors too.
 *
 * @returns {{ calls: object[], to: (document: string) => object[] }} what was asked of the provider
 */
export function hostile(provider, tricks = {}) {
  if (!wires.has(provider.server)) wires.set(provider.server, tap(provider));
  const wire = wires.get(provider.server);
  wire.tricks = tricks;
  wire.calls = [];
  const { calls } = wire;
  return { calls, to: (document) => calls.filter((call) => call.document === document) };
}

function tap({ server, provider }) {
  const wire = { tricks: {}, calls: [] };
  // The library prints what becomes of connections that the gate cuts off, as it should.
  provider.removeAllListeners('error').on('error', (error) => {
    if (!['ECONNRESET', 'EPIPE', 'ECONNABORTED'].includes(error.code)) console.error(error);
  });
  const [answer] = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const document = DOCUMENTS[pathname];
    if (document) note(wire, document, request);
    rewrite(response, (end, body) => {
      if (document) return document === 'token' || wire.tricks[document] ? lie(wire, document, response, end, body) : end(body);
      redirect(wire, response);
      return end(body);
    });
    answer(request, response);
  });
  return wire;
}

/** Notes a call, with the body as it arrives; the library reads it as well. */
function note(wire, document, request) {
  const { method, url, headers } = request;
  const call = { document, method, url, headers, body: '' };
  wire.calls.push(call);
  keepOutOfTheLog('authorization', headers.authorization);
  const push = request.push;
  request.push = (chunk, encoding) => {
    if (chunk) call.body += chunk;
    else for (const [name, value] of new URLSearchParams(call.body)) noteParameter(name, value);
    return push.call(request, chunk, encoding);
  };
}

function noteParameter(name, value) {
  if (['code', 'code_verifier', 'client_secret'].includes(name)) keepOutOfTheLog(name, value);
}

function rewrite(response, ended) {
  const end = response.end.bind(response);
  response.end = (...parameters) => {
    response.end = end;
    return ended((body) => (body === undefined ? end() : end(body)), parameters[0]);
  };
}

async function lie(wire, document, response, end, honest) {
  const answer = { status: response.statusCode, headers: {}, json: parse(honest) };
  if (document === 'token') noteTokens(answer.json);
  const trick = wire.tricks[document];
  if (!trick) return end(honest);
  await trick(answer);
  if (document === 'token') noteTokens(answer.json);
  if (answer.send) return answer.send(response, end);
  const body = Buffer.from(answer.body ?? JSON.stringify(answer.json));
  response.statusCode = answer.status;
  response.removeHeader('transfer-encoding');
  response.setHeader('content-length', body.length);
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
  return end(body);
}

function noteTokens(json) {
  for (const name of ['id_token', 'access_token']) keepOutOfTheLog(name, json?.[name]);
}

/** An authorization response is a redirect with a state. */
function redirect({ tricks }, response) {
  const location = response.getHeader('location');
  if (!location || !URL.canParse(location)) return;
  const url = new URL(location);
  if (!url.searchParams.has('state') || !url.pathname.endsWith('/callback')) return;
  keepAddressOutOfTheLog(url);
  if (!tricks.response) return;
  tricks.response(url.searchParams);
  response.setHeader('location', url.href);
}

function parse(body) {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
