// What is said when the gate or the origin cannot answer: a line in the log and a plain text, with the
// same request id on both. Made here, since the module may be what broke.

const LETTERS = '0123456789abcdefghjkmnpqrstvwxyz';

/** Logs `error` under `code` and answers with `text`, which no cache keeps. */
export function trouble({ status, event, code, text }, error) {
  const request = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => LETTERS[byte & 31]).join('');
  console.error(JSON.stringify({ gate: 'portcullis', event, code, request, detail: String(error?.message ?? error) }));
  return new Response(`${text}\nCode ${code}, request ${request}\n`, {
    status,
    headers: { 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' },
  });
}
