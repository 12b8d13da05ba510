// A tiny OpenID provider on loopback for the logins that give each target its
// session: it asks nobody anything and always signs in the same person.

import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { SignJWT, exportJWK, generateKeyPair } from "jose";

export const person = {
  sub: "248289761001",
  email: "ada@example.com",
  email_verified: true,
  name: "Ada Lovelace",
  groups: ["staff", "admins"],
};

export const client = { id: "bench", secret: "bench-client-secret-on-loopback-only" };

/** Starts the provider; `requests` counts what it was asked. */
export async function startProvider() {
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "bench", alg: "RS256", use: "sig" };
  const provider = { issuer: undefined, requests: 0, stop: undefined };
  const codes = new Map();

  const endpoints = {
    "/.well-known/openid-configuration": () => json(metadata(provider.issuer)),
    "/jwks": () => json({ keys: [jwk] }),
    "/authorize": ({ query }) => authorize(provider.issuer, codes, query),
    "/token": ({ form }) => redeem(provider.issuer, codes, form, privateKey),
  };

  const server = createServer(async (request, response) => {
    provider.requests += 1;
    const url = new URL(request.url, provider.issuer);
    const endpoint = endpoints[url.pathname];
    const form = new URLSearchParams(await text(request));
    const answer = endpoint ? await endpoint({ query: url.searchParams, form }) : { status: 404 };
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  provider.issuer = `http://localhost:${server.address().port}`;
  provider.stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return provider;
}

function metadata(issuer) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    scopes_supported: ["openid", "email", "profile"],
    response_types_supported: ["code"],
    grant_types_supported: ["authorization_code"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
    token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    code_challenge_methods_supported: ["S256"],
    authorization_response_iss_parameter_supported: true,
  };
}

function authorize(issuer, codes, query) {
  const code = randomBytes(16).toString("base64url");
  codes.set(code, { nonce: query.get("nonce"), challenge: query.get("code_challenge") });
  const back = new URL(query.get("redirect_uri"));
  back.searchParams.set("code", code);
  back.searchParams.set("state", query.get("state"));
  back.searchParams.set("iss", issuer);
  return { status: 302, headers: { Location: back.href } };
}

async function redeem(issuer, codes, form, privateKey) {
  const login = codes.get(form.get("code"));
  codes.delete(form.get("code"));
  const proof = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
  if (!login || login.challenge !== proof) return json({ error: "invalid_grant" }, 400);

  const idToken = await new SignJWT({ ...person, nonce: login.nonce })
    .setProtectedHeader({ alg: "RS256", kid: "bench", typ: "JWT" })
    .setIssuer(issuer)
    .setAudience(client.id)
    .setIssuedAt()
    .setExpirationTime("10m")
    .sign(privateKey);
  const accessToken = randomBytes(24).toString("base64url");
  return json({ access_token: accessToken, token_type: "Bearer", expires_in: 600, id_token: idToken });
}

function json(value, status = 200) {
  const headers = { "Content-Type": "application/json", "Cache-Control": "no-store" };
  return { status, headers, body: JSON.stringify(value) };
}

async function text(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
