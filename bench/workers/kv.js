// A KV namespace as workerd expects one: a service that speaks its HTTP form.
// It counts, because a signed-in request must not come here at all.

const entries = new Map();
let reached = 0;

export default {
  async fetch(request) {
    reached += 1;
    const key = new URL(request.url).pathname;
    if (request.method === "PUT") {
      entries.set(key, await request.arrayBuffer());
      return new Response(null, { status: 204 });
    }
    if (request.method === "DELETE") {
      entries.delete(key);
      return new Response(null, { status: 204 });
    }
    const value = entries.get(key);
    return value ? new Response(value) : new Response(null, { status: 404 });
  },
};

export const reach = {
  fetch: () => Response.json(reached),
};
