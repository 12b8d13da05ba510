// ID tokens made again: other claims, another header, another key, or no token at all. Written by
// hand and not with a library, which would refuse most of what is to be tried.

import { constants, createHash, createHmac, createPrivateKey, generateKeyPairSync, randomBytes, sign as signWith } from 'node:crypto';

/**
 * A token like `token`, changed and signed again.
 *
 * @param {string} token
 * @param {object} change
 * @param {object} [change.claims]   members to set; `undefined` removes one
 * @param {object} [change.header]
 * @param {Function} [change.payload]     of the payload's JSON text: another text
 * @param {Function} [change.headerText]  of the header's JSON text: another text
 * @param {object} change.key        a private JWK, or `{ kty: 'oct', bytes }`
 * @param {string} [change.alg]      what to sign with, and what the header says unless it is named there
 * @param {Function} [change.signature]  of the signature's bytes: other bytes
 */
export function reissue(token, { claims, header, payload = (text) => text, headerText = (text) => text, key, alg, signature = (bytes) => bytes }) {
  const [oldHeader, oldClaims] = parts(token);
  const algorithm = alg ?? key.alg ?? oldHeader.alg;
  const newHeader = { ...oldHeader, alg: algorithm, ...(key.kid && { kid: key.kid }), ...header };
  const message = [headerText(JSON.stringify(newHeader)), payload(JSON.stringify({ ...oldClaims, ...claims }))].map(encode).join('.');
  return `${message}.${encode(signature(sign(algorithm, key, message)))}`;
}

/** Header and claims. */
export function parts(token) {
  return token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
}

export function encode(value) {
  return Buffer.from(value).toString('base64url');
}

/** Tricks for `hostile`: the ID token is another one. */
export function withIdToken(change) {
  return { token: ({ json }) => void (json.id_token = change(json.id_token)) };
}

/** The signature of `message` as a JWS has it (RFC 7518, 3). */
export function sign(algorithm, key, message) {
  const digest = `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith('HS')) return createHmac(digest, key.bytes).update(message).digest();
  const privateKey = createPrivateKey({ key, format: 'jwk' });
  if (algorithm === 'EdDSA') return signWith(null, Buffer.from(message), privateKey);
  if (algorithm.startsWith('ES')) return signWith(digest, Buffer.from(message), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const padding = algorithm.startsWith('PS')
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {};
  return signWith(digest, Buffer.from(message), { key: privateKey, ...padding });
}

/** `at_hash` of an access token (Core 3.1.3.6). */
export function accessTokenHash(accessToken, digest = 'sha256') {
  const hash = createHash(digest).update(accessToken).digest();
  return encode(hash.subarray(0, hash.length / 2));
}

/** A private JWK for `alg`, with an id of its own. */
export function keyFor(alg, { bits = 2048, ...members } = {}) {
  const pair = alg.startsWith('ES')
    ? generateKeyPairSync('ec', { namedCurve: alg === 'ES384' ? 'P-384' : 'P-256' })
    : alg === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('rsa', { modulusLength: bits });
  return { ...pair.privateKey.export({ format: 'jwk' }), kid: randomBytes(8).toString('hex'), use: 'sig', alg, ...members };
}

/** The half of a private JWK that is published. */
export function published(key) {
  const { d, p, q, dp, dq, qi, ...rest } = key;
  return rest;
}
