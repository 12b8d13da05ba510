// What one assembles: Hono with its OpenID Connect middleware, which keeps the
// session as a HS256 JWT and runs the login itself.

import { Hono } from "hono";
import { getAuth, oidcAuthMiddleware } from "@hono/oidc-auth";

const app = new Hono();

// Which claims the session keeps is decided where it is written.
app.use("/callback", async (c, next) => {
  c.set("oidcClaimsHook", async (session, claims) => ({
    sub: claims?.sub ?? session?.sub,
    email: claims?.email ?? session?.email,
    name: claims?.name ?? session?.name,
    groups: claims?.groups ?? session?.groups,
  }));
  await next();
});

app.use("*", oidcAuthMiddleware());

app.all("*", async (c) => {
  const auth = await getAuth(c);
  const forwarded = new Request(c.req.raw);
  const { headers } = forwarded;
  headers.set("X-Auth-Subject", auth.sub);
  headers.set("X-Auth-Email", auth.email);
  headers.set("X-Auth-Name", auth.name);
  headers.set("X-Auth-Groups", auth.groups.join(","));
  const answer = await c.env.ORIGIN.fetch(forwarded);
  // The middleware sets a header on the answer, and a fetched one is immutable.
  return new Response(answer.body, answer);
});

export default app;
