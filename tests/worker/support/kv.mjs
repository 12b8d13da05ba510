// A KV namespace that counts. It runs inside the gate's isolate, in the place of the namespace, and tells
// another Worker (see below) of every call before the real namespace gets it.

export default function (env) {
  const counted =
    (call) =>
    async (key, ...others) => {
      await env.COUNTER.fetch('http://counter.test/', { method: 'POST', body: JSON.stringify({ call, key }) });
      return env.NAMESPACE[call](key, ...others);
    };
  return Object.fromEntries(['get', 'getWithMetadata', 'put', 'list', 'delete'].map((call) => [call, counted(call)]));
}
