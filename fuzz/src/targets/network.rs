use std::net::IpAddr;

use portcullis::policy::Network;

/// A network on the first line, addresses behind it, one a line. An address lies in a network when
/// their bits are the same up to the length of the prefix.
pub fn network(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let written = lines.next().unwrap_or_default();
    let Ok(network) = Network::parse(written) else { return };
    let (first, length) = written.split_once('/').unwrap_or((written, ""));
    let first: IpAddr = first.parse().expect("an address in front");
    assert_eq!(first, first.to_canonical(), "an IPv4 address is written as one");
    let own = bits(first);
    let length = length.parse().unwrap_or(own.len());
    assert!(length <= own.len() && own.iter().skip(length).all(|bit| !bit), "{written}");
    assert!(network.contains(first));
    for address in lines.filter_map(|line| line.parse::<IpAddr>().ok()) {
        let other = bits(address.to_canonical());
        let inside = other.len() == own.len() && own[..length] == other[..length];
        assert_eq!(network.contains(address), inside, "{address} in {written}");
    }
}

fn bits(address: IpAddr) -> Vec<bool> {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte & (0x80 >> bit) != 0)).collect()
}
