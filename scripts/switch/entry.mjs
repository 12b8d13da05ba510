// The entry in KV that the gate's run-time switch reads; see src/switch.rs. Both sides are held to
// tests/vectors/switch.json.

import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** The entry's name in KV. */
export const KEY = 'portcullis:switch';
/** What opens a rule ends by itself within this time, in seconds. */
export const LONGEST_OPENING = 30 * 86_400;
/** The longest entry that the gate looks at, in bytes. */
export const ENTRY_BYTES = 16 * 1024;

/** The key of the entry's MAC: it can switch, and nothing else that the secret can. */
export function switchKey(secret) {
  return Buffer.from(hkdfSync('sha256', secret, 'portcullis', 'portcullis switch v1', 32));
}

/**
 * The entry for `content`.
 *
 * @param {object} content
 * @param {number} content.written  milliseconds, more than in every entry before
 * @param {string[]} content.hosts
 * @param {{ rule?: string, sso?: string, lockdown?: true, until?: number }[]} content.switches
 */
export function seal(key, { written, hosts, switches }) {
  const text = JSON.stringify({ version: 1, written, hosts, switches });
  return `${mac(key, text).toString('base64url')} ${text}`;
}

/** The content of an entry, or nothing when its MAC is not by one of `keys`. */
export function open(keys, entry) {
  const space = entry.indexOf(' ');
  const tag = Buffer.from(entry.slice(0, Math.max(space, 0)), 'base64url');
  const text = entry.slice(space + 1);
  const ours = keys.some((key) => {
    const expected = mac(key, text);
    return tag.length === expected.length && timingSafeEqual(tag, expected);
  });
  return ours ? JSON.parse(text) : undefined;
}

/** HMAC over the entry's name and its text, the length of each in front of it. */
function mac(key, text) {
  const hmac = createHmac('sha256', key);
  for (const part of [KEY, text]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(Buffer.byteLength(part)));
    hmac.update(length).update(part);
  }
  return hmac.digest();
}
