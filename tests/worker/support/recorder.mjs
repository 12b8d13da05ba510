// The origin of the tests: a Worker of its own in the same runtime. It records what arrives, to the
// header line, and answers what the request's own `x-answer` header says (see origin.mjs).
//
// As the gate's `fetch` it stands for the network too: what is meant for a provider goes on to it, and
// is recorded all the same.

const arrived = [];

export default {
  async fetch(request, env) {
    const { origin, hostname } = new URL(request.url);
    if (hostname === 'recorder.test') return Response.json(arrived.splice(0));
    const record = { url: request.url, method: request.method, headers: [...request.headers] };
    arrived.push(record);
    if (origin === env.PROVIDER) return fetch(request);
    if (request.headers.get('upgrade') === 'websocket') return socket(request);
    return answer(request, record);
  },
};

async function answer(request, record) {
  const wanted = JSON.parse(request.headers.get('x-answer') ?? '{}');
  if (wanted.fail) throw new Error('The origin fails, as it was asked to.');
  const headers = new Headers(wanted.headers ?? []);
  if (wanted.echo) return new Response(request.body, { headers });
  const bytes = await request.arrayBuffer();
  record.length = bytes.byteLength;
  record.digest = await digest(bytes);
  if (bytes.byteLength <= 1000) record.body = new TextDecoder().decode(bytes);
  const { status = 200, statusText, body = 'from the origin', base64, fill } = wanted;
  const bare = [101, 204, 205, 304].includes(status) || request.method === 'HEAD';
  return new Response(bare ? null : (content({ base64, fill }) ?? body), {
    status,
    statusText,
    headers,
    // A body that is encoded already.
    ...(headers.has('content-encoding') && { encodeBody: 'manual' }),
  });
}

function content({ base64, fill }) {
  if (base64 !== undefined) return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return fill === undefined ? undefined : new Uint8Array(fill).map((_, index) => index % 251);
}

async function digest(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Sends back whatever it gets; takes the first subprotocol that is offered. */
function socket(request) {
  const { 0: client, 1: server } = new WebSocketPair();
  server.binaryType = 'arraybuffer';
  server.accept();
  server.addEventListener('message', ({ data }) => server.send(data));
  server.addEventListener('close', ({ code, reason }) => server.close(code, reason));
  const offered = request.headers.get('sec-websocket-protocol')?.split(',')[0].trim();
  const { headers = [] } = JSON.parse(request.headers.get('x-answer') ?? '{}');
  return new Response(null, {
    status: 101,
    webSocket: client,
    headers: [...headers, ...(offered ? [['sec-websocket-protocol', offered]] : [])],
  });
}
