// A visitor: the one request that every target is timed with, and the walk a
// browser takes through a login to get the session cookie for it.

import { request as send } from "node:http";

export const page = "/index.html";

const browser = {
  "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
  Accept: "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Accept-Language": "en-GB,en;q=0.9,de;q=0.7",
  "Sec-CH-UA": '"Chromium";v="140", "Not=A?Brand";v="24"',
  "Sec-CH-UA-Mobile": "?0",
  "Sec-CH-UA-Platform": '"Linux"',
  "Sec-Fetch-Dest": "document",
  "Sec-Fetch-Mode": "navigate",
  "Sec-Fetch-Site": "same-origin",
  "Upgrade-Insecure-Requests": "1",
};

/** The other two cookies a visitor brings; the origin must get exactly these. */
export const otherCookies = ["theme=dark", "consent=v2.1730000000.analytics-no.ads-no"];

/** Ten headers as Chromium sends them and three cookies, the session among them (none: two). */
export function requestHeaders(session) {
  const [first, second] = otherCookies;
  const cookies = session ? [first, session, second] : otherCookies;
  return { ...browser, Cookie: cookies.join("; ") };
}

/** One exchange on a connection of its own; redirects are answers like any other. */
export function exchange(url, headers) {
  const { hostname, port, pathname, search, host } = new URL(url);
  const address = hostname === "localhost" ? "127.0.0.1" : hostname;
  const options = { host: address, port, path: pathname + search, agent: false };
  return new Promise((done, failed) => {
    const request = send({ ...options, headers: { Host: host, ...headers } }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", failed);
      response.on("end", () => {
        const { statusCode: status, headers } = response;
        done({ status, headers, body: Buffer.concat(chunks) });
      });
    });
    request.setTimeout(10_000, () => request.destroy(new Error(`${url}: no answer in 10 s`)));
    request.on("error", failed);
    request.end();
  });
}

/**
 * Asks for the page without a session and goes where the answers lead (a
 * redirect, or a page that refreshes itself), until the page itself comes.
 * Returns the cookies that the site has then set.
 */
export async function signIn(site) {
  const wanted = site + page;
  const jars = new Map();
  const walk = [];
  for (let url = wanted, from; walk.length < 12; ) {
    const { host } = new URL(url);
    if (!jars.has(host)) jars.set(host, new Map());
    const jar = jars.get(host);
    const cookies = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { ...browser, "Sec-Fetch-Site": fetchSite(from, url) };
    const answer = await exchange(url, cookies ? { ...headers, Cookie: cookies } : headers);
    walk.push(`${answer.status} ${url}`);
    keep(jar, answer.headers["set-cookie"] ?? []);

    const next = leadsTo(answer);
    if (!next && url === wanted && answer.status === 200) return jar;
    if (!next) {
      const said = answer.body.toString().replace(/<style>.*<.style>/s, "").slice(0, 600);
      throw new Error(`the login stopped:\n  ${walk.join("\n  ")}\n  ${said}`);
    }
    from = url;
    url = new URL(next, url).href.replace(/#.*$/, "");
  }
  throw new Error(`the login goes round in circles:\n  ${walk.join("\n  ")}`);
}

function fetchSite(from, to) {
  if (!from) return "none";
  return new URL(from).origin === new URL(to).origin ? "same-origin" : "same-site";
}

function leadsTo({ status, headers, body }) {
  if (status >= 300 && status < 400 && headers.location) return headers.location;
  if (!/text\/html/.test(headers["content-type"] ?? "")) return undefined;
  const refresh = /<meta[^>]+http-equiv="?refresh"?[^>]+content="?\d+;\s*url='?([^"'>]+)/i.exec(body.toString());
  return refresh?.[1].replaceAll("&#x2F;", "/").replaceAll("&#38;", "&").replaceAll("&amp;", "&");
}

function keep(jar, setCookies) {
  for (const line of setCookies) {
    const [pair, ...attributes] = line.split(";").map((part) => part.trim());
    const name = pair.slice(0, pair.indexOf("="));
    const value = pair.slice(pair.indexOf("=") + 1);
    const gone = attributes.some((attribute) => /^max-age=(0|-\d+)$/i.test(attribute));
    if (gone || value === "") jar.delete(name);
    else jar.set(name, value);
  }
}
