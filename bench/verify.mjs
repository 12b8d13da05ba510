// Nothing is timed that was not seen to do its work.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { person } from "./provider.mjs";
import { exchange, otherCookies, page, requestHeaders } from "./visitor.mjs";

let firstBody;

/** Checks a running target with its session cookie; throws at the first thing that is not as stated. */
export async function verify(target, server, session) {
  try {
    await admitsAndIdentifies(server, session);
    if (target.guards) await refuses(server, session);
    if (target.edits) await editsAsAGateMust(server, session);
    if (target.asserts) await assertsOnce(server, session);
  } catch (error) {
    throw new Error(`${target.id}: ${error.message}\n${server.said()}`, { cause: error });
  }
}

async function admitsAndIdentifies(server, session) {
  const answer = await exchange(server.site + page, requestHeaders(session));
  assert.equal(answer.status, 200, `the page with a session: ${answer.status}`);
  assert.equal(answer.body.length, 1024, "the page's length");
  const body = createHash("sha256").update(answer.body).digest("hex");
  firstBody ??= body;
  assert.equal(body, firstBody, "every target answers with the same bytes");

  const seen = await seenByOrigin(server, requestHeaders(session));
  assert.equal(seen["x-auth-subject"], person.sub, "X-Auth-Subject at the origin");
  assert.equal(seen["x-auth-email"], person.email, "X-Auth-Email at the origin");
  assert.equal(seen["x-auth-name"], person.name, "X-Auth-Name at the origin");
  for (const group of person.groups) {
    assert.ok(seen["x-auth-groups"]?.includes(group), `X-Auth-Groups at the origin: ${seen["x-auth-groups"]}`);
  }
}

async function refuses(server, session) {
  for (const [what, cookie] of [["a broken session", broken(session)], ["no session", undefined]]) {
    const before = await server.reached();
    const answer = await exchange(server.site + page, requestHeaders(cookie));
    const after = await server.reached();
    assert.notEqual(answer.status, 200, `${what} is refused`);
    assert.equal(after.origin, before.origin, `${what} does not reach the origin`);
  }
}

async function editsAsAGateMust(server, session) {
  const { headers } = await exchange(server.site + page, requestHeaders(session));
  assert.match(headers["cache-control"] ?? "", /private|no-store/, "no shared cache may keep the answer");
  assert.doesNotMatch(headers["cache-control"], /public|s-maxage/, "no shared cache may keep the answer");
  assert.deepEqual(headers["set-cookie"], ["visit=7f3a; Path=/; HttpOnly; SameSite=Lax"], "the origin's cookie is kept");
  assert.equal(headers.etag, '"5b1c-62f0a1"', "the origin's ETag is kept");

  const spoofed = { ...requestHeaders(session), "X-Auth-Subject": "mallory", X_Auth_Email: "mallory" };
  const seen = await seenByOrigin(server, spoofed);
  assert.equal(seen["x-auth-subject"], person.sub, "a spoofed identity is replaced");
  assert.ok(!Object.values(seen).includes("mallory"), "a spoofed identity in another spelling is dropped");
  assert.equal(seen.cookie, otherCookies.join("; "), "the origin gets all cookies but the gate's");
}

/** Signed for the first request of a session, and kept: what is timed is the way of all others. */
async function assertsOnce(server, session) {
  const first = await seenByOrigin(server, requestHeaders(session));
  const second = await seenByOrigin(server, requestHeaders(session));
  const { header, payload } = decoded(first["x-auth-assertion"]);
  assert.equal(header.alg, "ES256", "the assertion's algorithm");
  assert.equal(payload.sub, person.sub, "the assertion's subject");
  assert.equal(second["x-auth-assertion"], first["x-auth-assertion"], "one assertion goes with all requests of a session");
}

function decoded(token = "") {
  const [header, payload] = token.split(".").slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url")));
  return { header, payload };
}

async function seenByOrigin(server, headers) {
  const answer = await exchange(`${server.site}/headers`, headers);
  assert.equal(answer.status, 200, `/headers with a session: ${answer.status}`);
  return JSON.parse(answer.body);
}

/** One character in the middle of the signature is another one. */
function broken(session) {
  const middle = Math.floor((session.lastIndexOf(".") + session.length) / 2);
  const other = session[middle] === "A" ? "B" : "A";
  return session.slice(0, middle) + other + session.slice(middle + 1);
}
