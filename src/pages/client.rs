//! The client script: `client.js` as it is served, without its comments.
//!
//! The module has a budget, and comments are for readers of the repository. They are cut when the crate is compiled:
//! every line that begins with `//`, and the indentation of the others. So the script keeps its comments on lines of
//! their own.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

const SOURCE: &str = include_str!("client.js");
const LENGTH: usize = cut(SOURCE.as_bytes(), &mut []);
const CUT: [u8; LENGTH] = {
    let mut text = [0; LENGTH];
    cut(SOURCE.as_bytes(), &mut text);
    text
};
/// How many characters a version has, six bits each: enough to tell two scripts apart.
const VERSION_CHARACTERS: usize = 16;

/// The script for one prefix.
#[derive(Clone, Debug)]
pub struct Client {
    /// The script.
    pub script: String,
    /// Changes whenever the script does, and is part of it.
    pub version: String,
}

impl Client {
    /// The script for the gate's own addresses under `prefix`, which needs no escaping: it consists of letters,
    /// digits, `-`, `_`, `.`, `~` and `/`.
    pub fn new(prefix: &str) -> Self {
        let text = core::str::from_utf8(&CUT).unwrap_or_default();
        let script = text.replacen("'/.auth'", &["'", prefix, "'"].concat(), 1);
        let mut version = URL_SAFE_NO_PAD.encode(Sha256::digest(&script));
        version.truncate(VERSION_CHARACTERS);
        Self { script: script.replacen("unversioned", &version, 1), version }
    }
}

/// Writes `source` without comments and indentation to `to`, as far as there is room, and returns the length of it
/// all.
#[expect(clippy::indexing_slicing, reason = "within the length, and run by the compiler alone")]
const fn cut(mut source: &[u8], to: &mut [u8]) -> usize {
    let mut length = 0;
    while !source.is_empty() {
        while let [b' ' | b'\n', rest @ ..] = source {
            source = rest;
        }
        let is_comment = matches!(source, [b'/', b'/', ..]);
        while let [byte, rest @ ..] = source {
            source = rest;
            if !is_comment {
                if length < to.len() {
                    to[length] = *byte;
                }
                length += 1;
            }
            if *byte == b'\n' {
                break;
            }
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_served_whole_without_its_comments() {
        let served = Client::new("/.auth").script;
        let lines: Vec<&str> = SOURCE.lines().map(str::trim).collect();
        let code: Vec<&str> =
            lines.iter().copied().filter(|line| !line.is_empty() && !line.starts_with("//")).collect();
        assert!(lines.len() > code.len() + 20, "there are comments");
        let version = Client::new("/.auth").version;
        assert_eq!(served, code.join("\n").replace("unversioned", &version) + "\n");
        assert!(!served.contains("\n//") && !served.contains("\n\n") && !served.contains("/*"), "{served}");
    }

    #[test]
    fn what_the_gate_puts_in_stands_in_the_script_once() {
        assert_eq!(SOURCE.matches("'/.auth'").count(), 1);
        assert_eq!(SOURCE.matches("unversioned").count(), 1);
        let client = Client::new("/sso/gate");
        assert!(client.script.contains("const PREFIX = '/sso/gate';"));
        assert!(client.script.contains(&format!("const VERSION = '{}';", client.version)));
        assert_ne!(client.version, Client::new("/.auth").version);
        assert_eq!(client.version, Client::new("/sso/gate").version);
    }

    /// What a page's strict policy would stop, and what would turn data into markup.
    #[test]
    fn the_script_keeps_to_a_strict_policy() {
        for word in
            ["eval(", "Function(", "innerHTML", "outerHTML", "insertAdjacent", "document.write", "style=", ".style"]
        {
            assert!(!SOURCE.contains(word), "{word}");
        }
        for address in ["http:", "https:", "import"] {
            assert!(!CUT.windows(address.len()).any(|part| part == address.as_bytes()), "{address}");
        }
    }
}
