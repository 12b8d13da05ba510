// A real OpenID provider for the demo and the tests: the certified `oidc-provider`, with two people,
// one client, its own sign-in page, and everything in memory.
//
// On its own, beside `npx wrangler dev`: node demo/provider.mjs

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { isCommand } from '../scripts/setup.mjs';
import { answerInteraction } from './provider/interaction.mjs';
import { errorPage, sendPage, signedOutPage, signOutPage, welcomePage } from './provider/pages.mjs';
import { claimsOf, people } from './provider/people.mjs';
import { demoSecrets, demoSigningKey, rsaKey } from './secrets.mjs';

export { people };

const CLIENT_ID = 'portcullis-demo';

/**
 * @param {object} options
 * @param {string} [options.host]
 * @param {number} [options.port]  0: any free port; see `issuer`
 * @param {string[]} options.redirectUris
 * @param {string[]} [options.postLogoutRedirectUris]
 * @param {string} [options.clientSecret]
 * @param {object} [options.client]  more client metadata, or other than the above
 * @param {object[]} [options.keys]  private JWKs to sign with, the first one by default; made when left out
 * @param {object} [options.configuration]  more of oidc-provider's configuration, or other than here
 * @returns {Promise<{ issuer: string, clientId: string, clientSecret: string, provider: object, server: object, close: () => Promise<void> }>}
 */
export async function startProvider({
  host = '127.0.0.1',
  port = 0,
  redirectUris,
  postLogoutRedirectUris = [],
  clientSecret = randomBytes(32).toString('base64url'),
  client = {},
  keys,
  configuration = {},
}) {
  const { Provider, interactionPolicy } = await library();
  const { createMemoryAdapter } = await import('oidc-provider/lib/adapters/memory_adapter.js');
  const server = createServer().listen(port, host);
  await once(server, 'listening');

  const issuer = `http://localhost:${server.address().port}`;
  const registered = {
    client_id: CLIENT_ID,
    client_secret: clientSecret,
    client_name: 'Skep Handbook',
    redirect_uris: redirectUris,
    post_logout_redirect_uris: postLogoutRedirectUris,
    grant_types: ['authorization_code'],
    response_types: ['code'],
    ...client,
  };
  // A form's policy covers the redirects that follow it, all the way back to the site.
  const formTargets = [...redirectUris, ...postLogoutRedirectUris].map((uri) => new URL(uri).origin);
  const site = { name: registered.client_name, url: formTargets[0] };

  const provider = new Provider(issuer, {
    adapter: createMemoryAdapter(),
    clients: [registered],
    jwks: { keys: keys ?? [await rsaKey()] },
    cookies: { keys: [randomBytes(32).toString('base64')] },
    pkce: { required: () => true },
    scopes: ['openid', 'email', 'profile', 'groups'],
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'groups'],
      groups: ['groups'],
    },
    // As most providers do it: what the scopes name is in the ID token, not at userinfo alone.
    conformIdTokenClaims: false,
    findAccount,
    loadExistingGrant: grantEverything,
    clientBasedCORS: () => false,
    interactions: {
      url: (_ctx, interaction) => `/interaction/${interaction.uid}`,
      policy: withAccountSelection(interactionPolicy),
    },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => sendPage(ctx.res, { html: signOutPage(form), formTargets, koa: ctx }),
        postLogoutSuccessSource: (ctx) => sendPage(ctx.res, { html: signedOutPage(), formTargets, koa: ctx }),
      },
    },
    renderError: (ctx, out) => sendPage(ctx.res, { html: errorPage(out, site), formTargets, koa: ctx }),
    ttl: { AccessToken: HOUR, AuthorizationCode: MINUTE, Grant: DAY, IdToken: HOUR, Interaction: HOUR, Session: DAY },
    ...configuration,
  });

  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url === '/') sendPage(response, { html: welcomePage(), formTargets });
    else if (request.url.startsWith('/interaction/')) {
      // Fails when the browser goes away in the middle, and then there is nobody to tell.
      answerInteraction(provider, request, response, { site, formTargets }).catch(() => response.destroy());
    }
    else answer(request, response);
  });

  return {
    issuer,
    clientId: registered.client_id,
    clientSecret,
    provider,
    server,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The library calls every Node but the newest unsupported, on the console, when it is loaded. */
async function library() {
  const { warn } = console;
  console.warn = () => {};
  try {
    return await import('oidc-provider');
  } finally {
    console.warn = warn;
  }
}

function findAccount(_ctx, sub) {
  return sub in people ? { accountId: sub, claims: () => ({ sub, ...claimsOf(people[sub]) }) } : undefined;
}

/** The provider and the site belong to the same company, so nobody is asked to consent. */
async function grantEverything(ctx) {
  const { client, session, provider } = ctx.oidc;
  const existing = session.grantIdFor(client.clientId);
  const kept = existing && (await provider.Grant.find(existing));
  if (kept) return kept;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope('openid email profile groups');
  await grant.save();
  return grant;
}

/** `prompt=select_account`, which the library leaves to whoever uses it. */
function withAccountSelection({ base, Prompt }) {
  const policy = base();
  policy.add(new Prompt({ name: 'select_account', requestable: true }), 0);
  return policy;
}

if (isCommand(import.meta.url)) {
  const { PORT = '8787', PROVIDER_PORT = '9000' } = process.env;
  const { issuer } = await startProvider({
    port: Number(PROVIDER_PORT),
    redirectUris: [`http://localhost:${PORT}/.auth/callback`],
    postLogoutRedirectUris: [`http://localhost:${PORT}/.auth/signed-out`],
    clientSecret: (await demoSecrets()).PORTCULLIS_DEMO_CLIENT_SECRET,
    keys: [await demoSigningKey()],
  });
  console.log(`OpenID provider on ${issuer}`);
}
