// The limit with edits like the gate's: what a Worker costs that checks nothing, but lets no client pass for
// somebody else, keeps its cookie from the origin and the answer from shared caches.

const identity = new Set(["x-auth-subject", "x-auth-email", "x-auth-name", "x-auth-groups"]);
const outranking = ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"];

/** What values of Cache-Control became: a site has few. */
const made = new Map();

export default {
  fetch(request, env) {
    const forwarded = new Request(request);
    const { headers } = forwarded;
    // In any spelling: many servers read X_Auth_Email as X-Auth-Email.
    for (const name of [...headers.keys()]) {
      if (name.startsWith("x") && identity.has(name.replace(/[^a-z0-9]/g, "-"))) headers.delete(name);
    }
    const cookies = headers.get("Cookie").split("; ");
    headers.set("Cookie", cookies.filter((cookie) => !cookie.startsWith("session=")).join("; "));
    headers.set("X-Auth-Subject", "248289761001");
    headers.set("X-Auth-Email", "ada@example.com");
    headers.set("X-Auth-Name", "Ada Lovelace");
    headers.set("X-Auth-Groups", "staff,admins");
    return env.ORIGIN.fetch(forwarded).then(privately);
  },
};

function privately(answer) {
  const edited = new Response(answer.body, answer);
  const { headers } = edited;
  const value = headers.get("Cache-Control");
  let mine = made.get(value);
  if (mine === undefined) {
    const directives = (value ?? "").split(/\s*,\s*/).filter((one) => one && !/^(?:public|private|s-maxage)/i.test(one));
    mine = ["private", ...directives].join(", ");
    if (made.size < 64) made.set(value, mine);
  }
  headers.set("Cache-Control", mine);
  for (const name of outranking) headers.delete(name);
  const lines = headers.getSetCookie();
  if (lines.some((line) => line.startsWith("session="))) {
    headers.delete("Set-Cookie");
    for (const line of lines) if (!line.startsWith("session=")) headers.append("Set-Cookie", line);
  }
  return edited;
}
