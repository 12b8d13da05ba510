//! The readings of a path, against what servers do: each line of `servers.txt` is something that was seen.

use portcullis::rules::RequestPath;

#[test]
fn what_a_server_was_seen_to_serve_is_among_the_readings() {
    let lines = include_str!("servers.txt").lines().filter(|line| !line.starts_with('#'));
    let mut missing = Vec::new();
    for line in lines {
        let (sent, rest) = line.split_once(' ').unwrap();
        let (served, servers) = rest.trim().split_once(' ').unwrap();
        let path = RequestPath::parse(sent).unwrap();
        // A slash at the end makes no difference to a rule.
        if !path.any(|reading| reading.trim_end_matches('/') == served) {
            missing.push(format!("{sent} is {served} for {}", servers.trim()));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
