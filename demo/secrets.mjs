// Secrets of the demo, made on the first run and kept out of git: .dev.vars is where wrangler looks
// for a Worker's secrets on this machine, so `npm start` and `npx wrangler dev` share sessions.

import { generateKeyPair, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const DEV_VARS = join(root, '.dev.vars');
const SIGNING_KEY = join(root, '.wrangler', 'demo-signing-key.json');

/** What .dev.vars holds, completed: a secret for the gate and one for its client at the provider. */
export async function demoSecrets() {
  const text = await read(DEV_VARS);
  const secrets = parse(text);
  const missing = ['PORTCULLIS_SECRET', 'PORTCULLIS_DEMO_CLIENT_SECRET'].filter((name) => !secrets[name]);
  if (missing.length === 0) return secrets;

  for (const name of missing) secrets[name] = randomBytes(32).toString('base64');
  const kept = text.split('\n').filter((line) => !missing.some((name) => line.startsWith(`${name}=`)));
  const lines = [...kept.join('\n').trimEnd().split('\n').filter(Boolean), ...missing.map((name) => `${name}=${secrets[name]}`)];
  await writeFile(DEV_VARS, `${lines.join('\n')}\n`, { mode: 0o600 });
  return secrets;
}

/**
 * The key the demo's provider signs with. It outlives a restart, as the sessions of the gate do: a
 * provider could not check the ID token that a logout of such a session shows it otherwise.
 */
export async function demoSigningKey() {
  const kept = await read(SIGNING_KEY);
  if (kept) return JSON.parse(kept);
  const key = await rsaKey();
  await mkdir(dirname(SIGNING_KEY), { recursive: true });
  await writeFile(SIGNING_KEY, JSON.stringify(key), { mode: 0o600 });
  return key;
}

/** A fresh private key for RS256, as a JWK. */
export async function rsaKey() {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const kid = randomBytes(8).toString('hex');
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
}

function parse(text) {
  const lines = text.matchAll(/^([A-Z][A-Z0-9_]*)=(?:"(.*)"|(.*?))\s*$/gm);
  return Object.fromEntries([...lines].map(([, name, quoted, plain]) => [name, quoted ?? plain]));
}

async function read(file) {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}
