use portcullis::gate::Decision;

use super::edited;
use crate::site::{HOST, Head, NOW, SESSION, gate, tokens};

/// The value of a session cookie: `$ADA` and `$BOB` are whole sessions, `!` changes bytes of ada's.
///
/// Nobody is anybody without a session that was made for them: what is not one of the two, whole and
/// alone, decides as no cookie does.
pub fn session(data: &[u8]) {
    let (ada, bob) = tokens();
    let value = edited(&ada, data, &[("$ADA", &ada), ("$BOB", &bob)]);
    let header = format!("{SESSION}={value}");
    let is_whole = |token: &str| {
        header.split(';').any(|piece| {
            piece.trim_matches([' ', '\t']).strip_prefix(SESSION).is_some_and(|rest| {
                rest.trim_matches([' ', '\t'])
                    .strip_prefix('=')
                    .is_some_and(|rest| rest.trim_matches([' ', '\t']) == token)
            })
        })
    };
    for path in ["/open/x", "/optional/x", "/x", "/admin/x", "/bob/x", "/fresh/x"] {
        for method in ["GET", "POST"] {
            let head = || Head::new(method, &format!("{HOST}{path}")).with("origin", HOST);
            let with = gate().decide(&head().with("cookie", &header), NOW);
            let without = gate().decide(&head(), NOW);
            let who = match &with {
                Decision::Forward(forward) => {
                    forward.identity().into_iter().find(|(name, _)| *name == "x-auth-subject")
                }
                _ => None,
            };
            match who.as_ref().map(|(_, subject)| subject.as_str()) {
                Some("ada") => assert!(is_whole(&ada), "{header} is ada"),
                Some("bob") => assert!(is_whole(&bob) && path != "/admin/x", "{header} is bob at {path}"),
                Some(other) => panic!("{header} is {other}"),
                None if is_whole(&ada) || is_whole(&bob) => {}
                None => assert_eq!(kind(&with), kind(&without), "{method} {path} with {header}"),
            }
        }
    }
}

fn kind(decision: &Decision) -> std::mem::Discriminant<Decision> {
    std::mem::discriminant(decision)
}
