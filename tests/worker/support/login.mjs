// A login from end to end, without a browser: the gate, the provider's sign-in page, and back.

import { Visitor } from './visitor.mjs';

/**
 * @param {string} gateUrl  as a browser would open it: a host of the settings, so `localhost` in most tests
 * @param {object} [options]
 * @param {string} [options.user]
 * @param {string} [options.password]
 * @param {string} [options.path]      the page asked for; it needs sign-in
 * @param {string} [options.prefix]    where the gate's own addresses are
 * @param {Visitor} [options.visitor]  who already has cookies
 * @returns {Promise<{ cookie: string, location: string, steps: object[], visitor: Visitor }>}
 *          `cookie` is the Cookie header for the page, `location` where the login led
 */
export async function signIn(
  gateUrl,
  { user = 'ada', password = 'demo', path = '/members/', prefix = '/.auth', visitor = new Visitor() } = {},
) {
  const { origin } = new URL(gateUrl);
  const page = `${origin}${path}`;
  const isBack = (onward) => onward.startsWith(`${origin}/`) && !onward.startsWith(`${origin}${prefix}/`);
  let { url, answer, onward } = await visitor.walk(page, isBack);
  // Nowhere to go on to: the sign-in page, unless the provider knows the person already.
  if (!onward && /<form\b[^>]*method="post"/.test(answer.body)) {
    answer = await visitor.submit(url, { username: user, password });
    const resume = answer.header('location');
    if (resume === undefined) throw new Error(`The provider does not sign ${user} in: ${answer.status}\n${visitor.story()}`);
    ({ url, answer, onward } = await visitor.walk(new URL(resume, url).href, isBack));
  }
  if (!onward) throw new Error(`The login ends at ${url} with ${answer.status}:\n${visitor.story()}\n${answer.body}`);
  return { cookie: visitor.cookie(onward), location: onward, steps: visitor.steps, visitor };
}
