//! What the settings may say but probably do not mean: warnings, and nothing that the gate itself refuses.

use serde_json::Value;

/// The methods of IANA's registry, and two that are in use without being in it.
const METHODS: &str = "ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE \
    MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH PUT \
    QUERY REBIND REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL \
    M-SEARCH PURGE";

/// The codes of ISO 3166-1, and what the platform has besides: Kosovo, Tor, and the unknown.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY \
    BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK \
    FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR \
    IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK \
    ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM \
    PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF \
    TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW XK T1 XX";

/// Issuers at which anybody can create an account.
const OF_EVERYBODY: [&str; 5] = [
    "https://accounts.google.com",
    "https://gitlab.com",
    "https://appleid.apple.com",
    "https://slack.com",
    "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
];

/// Frameworks' folders that hold more than files for everybody: what else is there, and what it is enough to open.
const FOLDERS: [(&str, &str, &str); 2] = [
    ("/_next", "/_next/data has pages, and /_next/image any picture of the site", "/_next/static/**"),
    ("/_app", "/_app/remote has what SvelteKit's remote functions answer", "/_app/immutable/**"),
];

/// The warnings about `settings`, as they are written.
pub(crate) fn warnings(settings: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    texts(settings, "", &mut |place, text| warnings.extend(odd(place, text)));
    let rules: Vec<&Value> = settings.get("rules").and_then(Value::as_array).into_iter().flatten().collect();
    for (rank, rule) in rules.iter().enumerate() {
        let methods = rule.get("methods").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for method in methods.filter(|method| !METHODS.split_whitespace().any(|known| known == *method)) {
            warnings.push(format!(
                "rules[{rank}].methods names {method:?}, which is no registered method: is it meant so?"
            ));
        }
        if ["allow", "require", "deny"].iter().any(|list| rule.get(list).is_some()) {
            let told = path_of(rule).and_then(|path| narrow(path, &rules));
            warnings.extend(told.map(|told| format!("rules[{rank}].path is {told}")));
        }
        warnings.extend(path_of(rule).and_then(|path| wide(path, rule)).map(|told| format!("rules[{rank}] {told}")));
    }
    let providers = settings.get("providers").and_then(Value::as_array).into_iter().flatten();
    for (rank, provider) in providers.enumerate() {
        let issuer = provider.get("issuer").and_then(Value::as_str).filter(|issuer| OF_EVERYBODY.contains(issuer));
        if let (Some(issuer), Some(what)) = (issuer, takes_everybody(&rules)) {
            warnings.push(format!(
                "providers[{rank}].issuer is {issuer:?}, where anybody can have an account, and {what} takes whoever signs in: write allow or require there, as {{ email_domain = \"example.com\" }}"
            ));
        }
    }
    warnings
}

/// The first rule that asks for sign-in and for nobody in particular, or what is left to no rule.
fn takes_everybody(rules: &[&Value]) -> Option<String> {
    let decides = |rule: &Value| rule.get("mode").and_then(Value::as_str) != Some("report");
    let signs_in = |rule: &Value| rule.get("sso").is_none_or(|sso| *sso == Value::Bool(true));
    let is_for_some = |rule: &Value| rule.get("allow").is_some() || rule.get("require").is_some();
    if let Some(rank) = rules.iter().position(|rule| decides(rule) && signs_in(rule) && !is_for_some(rule)) {
        return Some(format!("rules[{rank}]"));
    }
    let is_the_rest = |rule: &Value| {
        decides(rule) && path_of(rule) == Some("/**") && rule.get("host").is_none() && rule.get("methods").is_none()
    };
    (!rules.iter().any(|rule| is_the_rest(rule))).then(|| "what no rule matches".to_owned())
}

/// Calls `told` with every text in the settings, and its place.
fn texts(value: &Value, place: &str, told: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => told(place, text),
        Value::Array(list) => {
            for (rank, one) in list.iter().enumerate() {
                texts(one, &format!("{place}[{rank}]"), told);
            }
        }
        Value::Object(table) => {
            for (name, one) in table {
                let within = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                texts(one, &within, told);
            }
        }
        _ => {}
    }
}

/// A text that looks like a different one, or like a pattern, is nobody's name: a `deny` of it denies nobody.
fn odd(place: &str, text: &str) -> Option<String> {
    if text.trim() != text || text.contains(is_unseen) {
        return Some(format!("{place} is {text:?}, with a space at an end or an unseen character in it"));
    }
    let is_country = place.ends_with(".country") || place.contains(".country[");
    if is_country && !COUNTRIES.split_whitespace().any(|known| known == text) {
        return Some(format!("{place} is {text:?}, which is no country's code (ISO 3166-1): is it meant so?"));
    }
    let is_of_a_list = [".allow[", ".require[", ".deny["].iter().any(|list| place.contains(list));
    let knows_stars = place.ends_with(".matches") || place.contains(".matches[");
    (is_of_a_list && text.contains('*') && !knows_stars).then(|| {
        format!("{place} is {text:?}, and is compared whole, with the star in it: a claim's matches knows stars")
    })
}

/// A framework's folder that is opened as if it held only scripts and styles.
fn wide(path: &str, rule: &Value) -> Option<String> {
    let base = path.strip_suffix("/**")?;
    let is_open = rule.get("sso").is_some_and(|sso| *sso != Value::Bool(true));
    let (_, what, enough) = FOLDERS.iter().find(|(folder, ..)| is_open && *folder == base)?;
    Some(format!("opens {path:?} to everybody, and {what}: {enough:?} is enough for scripts and styles"))
}

fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

fn path_of(rule: &Value) -> Option<&str> {
    rule.get("path").and_then(Value::as_str)
}

/// What in a guard's path means something elsewhere but not here, so that it guards less than it seems to.
fn narrow(path: &str, rules: &[&Value]) -> Option<String> {
    let is_foreign = |segment: &&str| {
        let enclosed = |open: char, close: char| segment.starts_with(open) && segment.ends_with(close);
        segment.starts_with(':') && segment.len() > 1
            || segment.starts_with(".*")
            || segment.starts_with(".+")
            || segment.ends_with('$')
            || [('<', '>'), ('[', ']'), ('(', ')')].into_iter().any(|(open, close)| enclosed(open, close))
    };
    if let Some(segment) = path.split('/').find(is_foreign) {
        return Some(format!(
            "{path:?}, and there is no pattern in {segment:?}: write \"*\" for any name, \"**\" for any number of them"
        ));
    }
    let (base, what) = match path.strip_suffix("/*") {
        Some(base) => (base, "which is one name below and no deeper"),
        None => (path.trim_end_matches('/'), "which is that address and none below"),
    };
    let (whole, below) = (format!("{base}/**"), format!("{base}/"));
    let is_named = |other: &str| other != path && other.starts_with(&below);
    let last = path.rsplit('/').find(|segment| !segment.is_empty())?;
    let is_one_page = last.contains(['.', '*']) && last != "*" || last == "**";
    (!is_one_page && !rules.iter().filter_map(|rule| path_of(rule)).any(is_named))
        .then(|| format!("{path:?}, {what}: {whole:?} is all of it, and what is below matches other rules, or none"))
}
