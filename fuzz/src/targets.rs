//! The targets, each in a file of its own.

mod access_token;
mod callback;
mod check;
mod cookies;
mod id_token;
mod network;
mod path;
mod published;
mod return_to;
mod sealed;
mod session;
mod settings;
mod switch;
mod wildcard;

pub use access_token::access_token;
pub use callback::callback;
pub use check::check;
pub use cookies::cookies;
pub use id_token::id_token;
pub use network::network;
pub use path::path;
pub use published::published;
pub use return_to::return_to;
pub use sealed::sealed;
pub use session::session;
pub use settings::settings;
pub use switch::switch;
pub use wildcard::wildcard;

/// A target by its name, which is also that of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: [Target; 14] = [
    ("path", path),
    ("cookies", cookies),
    ("settings", settings),
    ("session", session),
    ("sealed", sealed),
    ("id_token", id_token),
    ("callback", callback),
    ("return_to", return_to),
    ("network", network),
    ("wildcard", wildcard),
    ("published", published),
    ("access_token", access_token),
    ("switch", switch),
    ("check", check),
];

/// The bytes as a text, with `names` put in where they stand: a corpus cannot hold what is made anew
/// each time.
fn text_of(data: &[u8], names: &[(&str, &str)]) -> String {
    let mut text = String::from_utf8_lossy(data).into_owned();
    for (name, value) in names {
        text = text.replace(name, value);
    }
    text
}

/// Bytes that begin with `!` are changes to `text`: three bytes each, a place and what to put there.
/// Others are a text of their own.
fn edited(text: &str, data: &[u8], names: &[(&str, &str)]) -> String {
    let Some(changes) = data.strip_prefix(b"!") else { return text_of(data, names) };
    let mut bytes = text.as_bytes().to_vec();
    for change in changes.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % bytes.len();
        bytes[place] = change[2] & 0x7f;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
