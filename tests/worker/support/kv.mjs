// A KV namespace that counts. It runs inside the gate's isolate, in the place of the namespace, and tells
// another Worker (see below) of every call before the real namespace gets it. Where that one says so, no answer comes.

export default function (env) {
  const counted =
    (call) =>
    async (key, ...others) => {
      const told = await env.COUNTER.fetch('http://counter.test/', { method: 'POST', body: JSON.stringify({ call, key }) });
      if (await told.json()) return new Promise(() => {});
      return env.NAMESPACE[call](key, ...others);
    };
  return Object.fromEntries(['get', 'getWithMetadata', 'put', 'list', 'delete'].map((call) => [call, counted(call)]));
}
