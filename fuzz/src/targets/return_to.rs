use portcullis::{config::Site, gate::ReturnTo, rules::RequestPath};
use url::Url;

use crate::site::{HOST, HOST_NAME};

/// The page to go back to. It is on this site for every parser, outside the gate's own addresses, short,
/// and the same when it is parsed once more.
pub fn return_to(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let site = Site { address: HOST, host: HOST_NAME, development: false };
    let Some(page) = ReturnTo::parse(&text, site, "/.auth") else { return };
    let address = page.address();
    assert!(address.strip_prefix(HOST).is_some_and(|rest| rest.starts_with('/')), "{text:?}: {address}");
    assert!(address.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}: {address}");
    assert!(page.path_and_query().len() <= 1_024 && !address.contains('#'), "{text:?}: {address}");
    let url = Url::parse(&address).expect("an address");
    assert_eq!(url.origin().ascii_serialization(), HOST);
    assert_eq!(url.as_str(), address, "as a browser writes it");
    let path = RequestPath::parse(page.path()).expect("a path");
    assert!(!path.touches("/.auth"), "{text:?}: {address}");
    assert_eq!(ReturnTo::parse(&address, site, "/.auth"), Some(page.clone()), "{text:?}");
    if !page.path_and_query().starts_with("//") {
        assert_eq!(ReturnTo::parse(page.path_and_query(), site, "/.auth"), Some(page), "{text:?}");
    }
}
