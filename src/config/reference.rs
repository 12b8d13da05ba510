//! The settings, one by one, as the manual prints them. Tests compare `docs/settings.md` with this list, and this
//! list with what the settings take.

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name, with `[]` for a list's members.
    pub name: &'static str,
    /// Its value when it is left out; empty if it is required, or has none.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn entry(name: &'static str, default: &'static str, meaning: &'static str) -> Entry {
    Entry { name, default, meaning }
}

/// Every setting.
pub const SETTINGS: &[Entry] = &[
    entry(
        "hosts[]",
        "",
        "The only hosts served, as a browser writes them: a port stands there where it is neither 80 nor 443. A loopback host (`localhost`, `127.0.0.1`, `[::1]`) without a port stands for all its ports, over http.",
    ),
    entry("session.lifetime", "`\"8h\"`", "How long a session lasts from its login on: `5m` to `30d`."),
    entry(
        "origin.assets",
        "`\"ASSETS\"`",
        "The static-assets binding that holds the site. It needs `run_worker_first = true`.",
    ),
    entry("origin.service", "", "Instead of `assets`: the service binding of the Worker that is protected."),
    entry(
        "origin.fetch",
        "",
        "Instead of `assets`: `\"zone\"` for the server behind the Worker's route, or scheme and host (http for a loopback host alone), as in `\"https://origin.example.com\"`.",
    ),
    entry(
        "origin.secret_header",
        "`false`",
        "With `fetch`: the header that carries the Worker secret `PORTCULLIS_ORIGIN_SECRET` to the origin, so that it can refuse what did not come through the gate. `true` for `X-Origin-Secret`, or a name.",
    ),
    entry(
        "headers.preset",
        "`\"x-auth\"`",
        "The family of names under which the origin learns who is there: `x-auth`, `x-forwarded` or `remote`; see below. The names that follow stand in for the family's.",
    ),
    entry(
        "headers.subject",
        "the preset's",
        "The header for the person's id at the provider: a name, or `false` for none.",
    ),
    entry("headers.email", "the preset's", "The same for the verified email address."),
    entry(
        "headers.name",
        "the preset's",
        "The same for the name to show; no name that applications look for an account under, as `Remote-User`.",
    ),
    entry("headers.groups", "the preset's", "The same for the groups."),
    entry(
        "headers.provider",
        "the preset's",
        "The same for the provider's `id`. With several providers, or with `tokens`, there must be one wherever a subject is sent.",
    ),
    entry("headers.assertion", "`\"X-Auth-Assertion\"`", "The same for the signed assertion."),
    entry(
        "assertion",
        "`false`",
        "Whether the origin gets who is there in a signed assertion as well, and `/.auth/jwks.json` the keys to check it with: see [assertion.md](assertion.md).",
    ),
    entry(
        "fragment",
        "`true`",
        "Whether the `#fragment` of the page asked for survives the login, by a small page on the way. `false` makes that page a plain 302.",
    ),
    entry(
        "prefix",
        "`\"/.auth\"`",
        "The path under which the gate answers itself: names of letters, digits, `-`, `_`, `.`, `~`, each behind a `/`.",
    ),
    entry(
        "switch",
        "`false`",
        "Whether `npm run switch` can change rules at run time, by their `id`, and lock the site down; see [switch.md](switch.md). It needs the KV namespace `PORTCULLIS_KV`.",
    ),
    entry(
        "check",
        "off",
        "The reverse proxy that asks about its requests at `/.auth/check`: `\"nginx\"`, `\"caddy\"` or `\"traefik\"`. See [behind a proxy](behind-a-proxy.md).",
    ),
    entry(
        "providers[].id",
        "",
        "A short name: up to 32 lower-case letters, digits, `-`. Its client secret is the Worker secret `PORTCULLIS_<ID>_CLIENT_SECRET`.",
    ),
    entry("providers[].title", "", "What people read on the chooser."),
    entry(
        "providers[].issuer",
        "",
        "The issuer, exactly as the provider gives it. https; http for a loopback host alone.",
    ),
    entry("providers[].client_id", "", "The client id that the provider gave."),
    entry(
        "providers[].audiences[]",
        "none",
        "Who else an ID token may be for, beside the client id: other audiences are refused. Some providers (ZITADEL) always name more. `azp` must then be the client id.",
    ),
    entry(
        "providers[].scopes[]",
        "`openid`, `email`, `profile`",
        "The scopes to ask for; `openid` must be among them.",
    ),
    entry(
        "providers[].algorithms[]",
        "`RS256`",
        "The signature algorithms an ID token may have: `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `EdDSA` (with Ed25519, by which name a token may call it too).",
    ),
    entry(
        "providers[].token_auth",
        "`\"auto\"`",
        "How to authenticate at the token endpoint: `auto` (as the metadata says), `basic`, `post`, `none`.",
    ),
    entry(
        "providers[].userinfo",
        "`false`",
        "Whether to ask the userinfo endpoint for claims that the ID token lacks. `email_verified` counts only from where `email` is.",
    ),
    entry(
        "providers[].email",
        "`\"demand\"`",
        "When an email address counts as verified: `demand` (`email_verified` is `true`, or `\"true\"` as a text), `trust` (always, also where the provider says that it is not), `never`. Only a verified address admits, and only that reaches the origin; a `deny` or `none` that names an address nobody verified keeps out as well.",
    ),
    entry(
        "providers[].groups_claim",
        "`\"groups\"`",
        "The claim that lists a person's groups. Dots lead into objects: `realm_access.roles`.",
    ),
    entry("providers[].roles_claim", "`\"roles\"`", "The claim that lists a person's roles, likewise."),
    entry(
        "providers[].logout",
        "`\"standard\"`",
        "How a person signs out there, if the metadata has an `end_session_endpoint`: `standard` (RP-Initiated Logout 1.0), `logout_uri` (Amazon Cognito), `none` (the session here ends, and that is all).",
    ),
    entry("providers[].freshness", "`\"1h\"`", "How long metadata and keys count as fresh: `60s` to `24h`."),
    entry(
        "tokens[].id",
        "",
        "A short name for tokens of machines: those of an `issuer`, or one service token with its `hash`. Rules name it, and the origin gets it as `X-Auth-Provider`. Providers and tokens share their ids.",
    ),
    entry(
        "tokens[].issuer",
        "",
        "The issuer of access tokens, exactly as it stands in `iss`. It may be a provider's too. Its keys come from its metadata.",
    ),
    entry("tokens[].audiences[]", "", "What the issuer puts into `aud` for this site; one of these is enough."),
    entry("tokens[].algorithms[]", "`RS256`", "The signature algorithms an access token may have, as with providers."),
    entry(
        "tokens[].types[]",
        "`at+jwt`",
        "The types an access token may have. `JWT` takes those of issuers from before RFC 9068, also without a type.",
    ),
    entry(
        "tokens[].groups_claim",
        "`\"groups\"`",
        "The claim that lists groups, or `scope`, whose words count one by one. Dots lead into objects.",
    ),
    entry("tokens[].roles_claim", "`\"roles\"`", "The claim that lists roles, likewise."),
    entry(
        "tokens[].freshness",
        "`\"1h\"`",
        "How long metadata, keys and the check of a token's signature count as fresh: `60s` to `24h`.",
    ),
    entry(
        "tokens[].hash",
        "",
        "Instead of `issuer`: the SHA-256 of a service token in hexadecimal, as `npm run token` prints it. The origin gets its `id` as `X-Auth-Subject` too.",
    ),
    entry(
        "tokens[].expires",
        "",
        "The first day, UTC, on which a service token is worth nothing, as in `\"2027-06-30\"`.",
    ),
    entry("tokens[].name", "none", "The name of a service token to show, as `X-Auth-Name`."),
    entry("tokens[].groups[]", "none", "The groups that a service token is in, for rules."),
    entry("rules[].id", "", "A name for the rule, for the log and for commands, written as a provider's."),
    entry(
        "rules[].host",
        "every host",
        "The host the rule is about: one of `hosts`, without its port, or `\"*.example.com\"` for those below it.",
    ),
    entry(
        "rules[].path",
        "",
        "A path: `*` within a segment, `**` for any number of segments. The first rule that matches decides; without one, sign-in is needed.",
    ),
    entry(
        "rules[].methods[]",
        "every method",
        "The methods the rule is about. `GET` includes `HEAD`. Headers that override a method are refused where a rule names methods.",
    ),
    entry(
        "rules[].sso",
        "`true`",
        "The switch: `false` makes the path public; `\"optional\"` lets everybody pass and says who it is where somebody is signed in.",
    ),
    entry("rules[].allow[]", "everybody who signs in", "Who may pass: one of these [selectors](#selectors) is enough."),
    entry("rules[].require[]", "", "What must hold as well: each of these selectors."),
    entry("rules[].deny[]", "", "Who may not pass, whatever else holds: any of these selectors."),
    entry(
        "rules[].tokens[]",
        "none",
        "The ids of the `tokens` that count here. A request that shows one is a machine's: the token decides, and the session is not looked at.",
    ),
    entry(
        "rules[].forward_token",
        "`false`",
        "Whether the origin sees the access token in `Authorization`. It never sees a service token.",
    ),
    entry(
        "rules[].mode",
        "`\"enforce\"`",
        "`\"report\"` makes a rule that never decides: what its policy would have done is logged for people who are signed in, and matching goes on.",
    ),
    entry(
        "rules[].origins[]",
        "none but the site's own",
        "Other origins whose pages may open WebSockets and change things here with a visitor's cookie, and read what the gate answers (CORS).",
    ),
    entry(
        "rules[].preflight",
        "`false`",
        "Whether CORS preflights pass to the origin, without identity. They are judged by the method they ask for, and what the origin answers comes back without its body.",
    ),
    entry("selector.group", "", "A member of this group, spelled exactly."),
    entry("selector.role", "", "Somebody with this role (`roles_claim`), spelled exactly."),
    entry("selector.email", "", "Somebody with this verified address, whole, in any case."),
    entry("selector.email_domain", "", "Somebody whose verified address has exactly this domain."),
    entry(
        "selector.claim",
        "",
        "Somebody for whom the claim at this path (dots lead into objects) `equals` a value, is `one_of` some, or `matches` a text with `*` in it, whole; an empty value matches none. Of a list, one member is enough. An address (`email`) has to be verified here too.",
    ),
    entry(
        "selector.provider",
        "",
        "Somebody who signed in at the provider of this id, or a machine with one of the `tokens`.",
    ),
    entry("selector.ip", "", "A request from this address or network, as in `192.0.2.0/24` or `2001:db8::/32`."),
    entry("selector.country", "", "A request from this country, as the platform sees it: `CH`."),
    entry(
        "selector.acr",
        "",
        "A sign-in of this authentication context class. Who lacks it is sent to the provider for it.",
    ),
    entry("selector.amr", "", "A sign-in with this method, as in `otp`. Who lacks it is asked to sign in again."),
    entry(
        "selector.max_age",
        "",
        "A sign-in no older than this, from `1m` on. Whose is older is asked to sign in again. It stands neither under `deny` nor in a `none`.",
    ),
    entry("selector.any", "", "One of these selectors."),
    entry("selector.all", "", "Each of these selectors."),
    entry("selector.none", "", "None of these selectors."),
];
