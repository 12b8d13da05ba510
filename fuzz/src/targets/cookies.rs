use portcullis::session::{CookieEdit, CookieNames, Cookies};

/// The longest header that is searched for a session.
const HEADER_BYTES: usize = 65_536;

/// A `Cookie` header. What the origin gets of it has none of ours in it, however it is read, and
/// nothing that was not sent; what counts as ours has one meaning.
pub fn cookies(data: &[u8]) {
    let header = String::from_utf8_lossy(data);
    for names in [CookieNames::new(false), CookieNames::new(true)] {
        let cookies = Cookies::parse(&header, names);
        for value in cookies.session().into_iter().chain(cookies.hint()) {
            assert!(!value.contains([';', ',']) && value.trim_matches([' ', '\t']) == value, "{value:?}");
        }
        if let Some(value) = cookies.session() {
            assert!(header.len() <= HEADER_BYTES);
            let whole = |piece: &&str| {
                let (name, found) = piece.split_once('=').unwrap_or((piece, ""));
                name.trim_matches([' ', '\t']) == names.session() && found.trim_matches([' ', '\t']) == value
            };
            assert_eq!(header.split(';').filter(whole).count(), 1, "{header:?}");
        }
        let left = match cookies.for_origin() {
            CookieEdit::Keep => header.to_string(),
            CookieEdit::Remove => String::new(),
            CookieEdit::Replace(left) => left.to_string(),
        };
        assert!(left.len() <= header.len().saturating_mul(2));
        assert!(left.split("; ").all(|piece| header.contains(piece)), "{header:?} became {left:?}");
        // Once more changes nothing; neither kind of host finds a cookie of ours, nor does who splits at commas.
        for other in [CookieNames::new(false), CookieNames::new(true)] {
            let again = Cookies::parse(&left, other);
            assert_eq!(again.for_origin(), CookieEdit::Keep, "{header:?} became {left:?}");
            assert!(again.are_none_of_ours(), "{header:?} became {left:?}");
        }
        for piece in left.split([';', ',']) {
            let name = piece.split('=').next().unwrap_or_default().trim();
            let bare = name.strip_prefix("__Host-").or(name.strip_prefix("__Secure-")).unwrap_or(name);
            let ours = bare.starts_with("portcullis-login-")
                || piece.contains('=') && matches!(bare, "portcullis" | "portcullis-hint");
            assert!(!ours, "{header:?} became {left:?}");
        }
    }
}
