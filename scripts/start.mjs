// `npm start`: the gate in front of the demo site, with an OpenID provider beside it.
// PORT and PROVIDER_PORT choose other ports than 8787 and 9000.

import { createServer } from 'node:net';
import { join } from 'node:path';
import { build } from './build.mjs';
import { command, root, setup, SetupError } from './setup.mjs';
import { makeToken } from './token.mjs';

await command(start);

async function start() {
  const port = portFrom('PORT', 8787);
  const providerPort = portFrom('PROVIDER_PORT', 9000);
  await setup({ rust: false });
  // These need the packages that are installed by now.
  const { startGate } = await import('./gate.mjs');
  const { startProvider } = await import('../demo/provider.mjs');
  const { demoSecrets, demoSigningKey } = await import('../demo/secrets.mjs');

  const { settings, assets } = await wranglerSettings();
  const demo = settings?.providers?.find(({ id }) => id === 'demo');
  if (demo && port === providerPort) {
    throw new SetupError(`PORT and PROVIDER_PORT are both ${port}, and the site and the provider need one each. Choose another one: PROVIDER_PORT=${next(port)} npm start`);
  }
  await requireFreePort(port, 'PORT');
  if (demo) await requireFreePort(providerPort, 'PROVIDER_PORT');
  await build();

  const secrets = await demoSecrets();
  const address = `http://localhost:${port}`;
  const running = [];
  endWith(running);

  // The demo's machine gets a token that was made just now: one that stands in a repository is nobody's.
  const machine = demo && settings.tokens?.find(({ id }) => id === 'scale');
  const { token, hash } = makeToken('scale');
  if (machine) machine.hash = hash;

  if (demo) {
    demo.issuer = `http://localhost:${providerPort}`;
    const endpoints = `${address}${settings.prefix ?? '/.auth'}`;
    const provider = await startProvider({
      port: providerPort,
      redirectUris: [`${endpoints}/callback`],
      postLogoutRedirectUris: [`${endpoints}/signed-out`],
      clientSecret: secrets.PORTCULLIS_DEMO_CLIENT_SECRET,
      keys: [await demoSigningKey()],
    });
    running.push(provider.close);
  }
  const gate = await startGate({ port, settings, secrets, kv: join(root, '.wrangler/state/v3/kv'), origin: { assets }, onLog: showLog });
  running.push(() => gate.dispose());
  console.log(demo ? welcome(address, demo.issuer, machine && token) : `\nThe gate is on ${address}. Ctrl-C ends it.\n`);
}

function welcome(address, issuer, token) {
  return `
  The site        ${address}/           for everyone, and so is ${address}/blog/
                  ${address}/members/   for people who are signed in
                  ${address}/admin/     for the group admins
                  ${address}/billing/   for people who signed in less than a minute ago
  The provider    ${issuer}/

  Sign in as      ada   staff and admins
                  bob   staff
                  The password of both is demo.

  Try             ${address}/members/reading-the-curve#swarm
                  A login on the way ends at that very paragraph.
                  The workshop as bob: refused, with a way to another account.
                  curl -i ${address}/members/
                  A program gets a plain 401, never a login page.${token ? `
                  curl -H 'Portcullis-Token: ${token}' ${address}/api/hive-7.json
                  A program with a token of its own gets in.` : ''}

  Below is what the gate logs. Ctrl-C ends all of it.
`;
}

/** The settings that wrangler would deploy, read by wrangler itself. */
async function wranglerSettings() {
  const { unstable_readConfig: readConfig } = await import('wrangler');
  const config = readConfig({ config: join(root, 'wrangler.toml') });
  const { directory, html_handling, not_found_handling } = config.assets ?? {};
  return {
    settings: config.vars.PORTCULLIS,
    assets: directory ? { directory, ...(html_handling && { html_handling }), ...(not_found_handling && { not_found_handling }) } : false,
  };
}

function showLog({ level, message }) {
  (level === 'error' || level === 'warn' ? console.error : console.log)(message);
}

function portFrom(variable, otherwise) {
  const text = process.env[variable] || String(otherwise);
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new SetupError(`${variable} is "${text}", which is no port.`);
  return port;
}

/** On both loopbacks: a browser may try either for `localhost`, and find somebody else there. */
async function requireFreePort(port, variable) {
  for (const host of ['127.0.0.1', '::1']) {
    const code = await new Promise((resolve) => {
      const server = createServer();
      server.once('error', (error) => resolve(error.code));
      server.listen(port, host, () => server.close(() => resolve(undefined)));
    });
    const free = code === undefined || code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
    if (free) continue;
    const reason = code === 'EACCES' ? 'may not be used by you' : 'is in use';
    throw new SetupError(`Port ${port} ${reason}. Choose another one: ${variable}=${next(port)} npm start`);
  }
}

/** A port to propose in the place of one that will not do. */
function next(port) {
  return port === 65535 ? 8788 : port + 1;
}

function endWith(running) {
  const end = async () => {
    await Promise.allSettled(running.splice(0).map((close) => close()));
    process.exit(0);
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
}
