// The origin behind every target: 1,024 bytes, with headers of its own that a
// gate must edit (a shared-cache policy) and must keep (its cookie, its ETag).

const page = "<!doctype html><title>Origin</title>".padEnd(1023, ".") + "\n";
const body = new TextEncoder().encode(page);
const head = {
  "Content-Type": "text/html; charset=utf-8",
  "Cache-Control": "public, max-age=300, s-maxage=3600",
  "Set-Cookie": "visit=7f3a; Path=/; HttpOnly; SameSite=Lax",
  ETag: '"5b1c-62f0a1"',
};

let reached = 0;

export default {
  fetch(request) {
    reached += 1;
    if (request.url.endsWith("/index.html")) return new Response(body, { headers: head });
    const headers = { ...head, "Content-Type": "application/json" };
    return Response.json(Object.fromEntries(request.headers), { headers });
  },
};

// Asked on a socket of its own, past the target: how many requests came through.
export const reach = {
  fetch: () => Response.json(reached),
};
