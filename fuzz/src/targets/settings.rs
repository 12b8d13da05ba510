use portcullis::{
    config::{Config, SettingsText},
    gate::{Decision, Gate},
    rules::Target,
};
use serde_json::Value;

use crate::site::{Head, NOW, SETTINGS, secret};

/// The settings, as text; or a rule of them, when that is what it is.
///
/// They are refused with the name of what is wrong, or hold: the same however the text is spaced, with
/// every limit kept, and with a gate that admits nobody without a session but where a rule says so.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    whole(text);
    // A list of rules in settings that are right.
    if let (Ok(Value::Array(rules)), Ok(mut settings)) =
        (serde_json::from_str::<Value>(text), serde_json::from_str::<Value>(SETTINGS))
    {
        settings["rules"] = Value::Array(rules);
        whole(&settings.to_string());
    }
}

fn parse(text: &str) -> Result<Config, portcullis::config::ConfigError> {
    Config::parse(SettingsText { variable: Some(text), module: None }, secret)
}

fn whole(text: &str) {
    let config = match parse(text) {
        Ok(config) => config,
        Err(error) => {
            assert!(!error.setting.is_empty() && !error.problem.is_empty(), "{text}: {error:?}");
            return;
        }
    };
    let printed = serde_json::from_str::<Value>(text).expect("what was parsed is JSON").to_string();
    assert_eq!(format!("{config:?}"), format!("{:?}", parse(&printed).expect("the same")), "{text}");
    assert!((300..=30 * 86_400).contains(&config.session_lifetime.seconds()));
    assert!(!config.hosts.is_empty() && !config.providers.is_empty());
    assert!(config.prefix.starts_with('/') && !config.prefix.ends_with('/'));
    let gate = Gate::open(SettingsText { variable: Some(text), module: None }, secret).expect("the same settings");
    for method in ["GET", "POST", "OPTIONS", "get"] {
        for path in ["/", "/a", "/a/b.html", "/admin/x", "/a%2fb/..;/x"] {
            for host in &config.hosts {
                let url = format!("https://{}{path}", host.name());
                let Decision::Forward(forward) = gate.decide(&Head::new(method, &url), NOW) else { continue };
                assert!(forward.identity().is_empty());
                let parsed = portcullis::rules::RequestPath::parse(path).expect("a path");
                let rank = config.matcher().first_match(&parsed, Target { host: host.name(), method });
                let rule = config.rule(rank.expect("one rule"));
                let open = !matches!(rule.access, portcullis::config::Access::SignedIn(_));
                assert!(open, "{method} {url} is forwarded by {rule:?}");
            }
        }
    }
}
