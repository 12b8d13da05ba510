//! [`Network`]: a range of addresses, as in `192.0.2.0/24` or `2001:db8::/32` (RFC 4632, RFC 4291).

use core::net::IpAddr;

/// A range of addresses. An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address, on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The first address of the range: no bit is set after the prefix.
    first: IpAddr,
    bits: u32,
}

impl Network {
    /// Takes a single address, or an address with the length of its prefix.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let wrong = || format!("{text:?} is not a network: write it as in \"192.0.2.0/24\" or \"2001:db8::/32\"");
        let first: IpAddr = address.parse().map_err(|_| wrong())?;
        if first != first.to_canonical() {
            return Err(format!("{text:?} is an IPv4 address in IPv6's spelling: write it as IPv4"));
        }
        let most = width(first);
        let bits = match bits {
            None => most,
            Some(digits) if !digits.starts_with('+') => digits.parse().map_err(|_| wrong())?,
            Some(_) => return Err(wrong()),
        };
        if bits > most {
            return Err(wrong());
        }
        let network = Self { first, bits };
        if masked(first, bits) != number(first) {
            return Err(format!("{text:?} has bits set behind its prefix: which network is meant?"));
        }
        Ok(network)
    }

    /// Whether `address` lies in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.first) && masked(address, self.bits) == number(self.first)
    }
}

/// The address that the platform gives, if it is one. No client has an address of class E (RFC 1112, 4): in a zone
/// with Pseudo IPv4 these stand for IPv6 addresses, but are not in their networks.
pub fn address_of(text: &str) -> Option<IpAddr> {
    let is_one = |address: &IpAddr| !matches!(address, IpAddr::V4(four) if four.to_bits() >> 28 == 0xf);
    text.parse().ok().map(|address: IpAddr| address.to_canonical()).filter(is_one)
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address with every bit after the prefix cleared.
fn masked(address: IpAddr, bits: u32) -> u128 {
    let behind = width(address).saturating_sub(bits);
    number(address).checked_shr(behind).and_then(|kept| kept.checked_shl(behind)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_network() {
        let rows: [(&str, &[&str], &[&str]); 8] = [
            (
                "192.0.2.0/24",
                &["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.7"],
                &["192.0.3.0", "192.0.1.255", "::192.0.2.7"],
            ),
            ("192.0.2.7", &["192.0.2.7"], &["192.0.2.6", "192.0.2.8"]),
            ("192.0.2.6/31", &["192.0.2.6", "192.0.2.7"], &["192.0.2.5", "192.0.2.8"]),
            ("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::1"]),
            ("::/0", &["::1", "2001:db8::1"], &["192.0.2.1", "::ffff:192.0.2.1"]),
            ("2001:db8::/32", &["2001:db8::", "2001:db8:ffff::1"], &["2001:db9::", "192.0.2.1"]),
            ("2001:db8::1", &["2001:db8::1", "2001:0db8:0::0:1"], &["2001:db8::2"]),
            ("10.0.0.0/8", &["10.255.255.255"], &["11.0.0.0", "9.255.255.255"]),
        ];
        for (text, inside, outside) in rows {
            let network = Network::parse(text).unwrap();
            inside.iter().for_each(|ip| assert!(network.contains(ip.parse().unwrap()), "{text} {ip}"));
            outside.iter().for_each(|ip| assert!(!network.contains(ip.parse().unwrap()), "{text} {ip}"));
        }
    }

    #[test]
    fn what_is_no_network() {
        for text in [
            "",
            "/",
            "192.0.2.0/",
            "192.0.2.0/33",
            "192.0.2.0/-1",
            "192.0.2.0/+8",
            "192.0.2.1/24",
            "192.0.2/24",
            "192.0.02.0/24",
            "2001:db8::/129",
            "2001:db8::1/64",
            "::ffff:192.0.2.0/120",
            "example.com",
            "192.0.2.0/24 ",
        ] {
            assert!(Network::parse(text).is_err(), "{text:?}");
        }
    }
}
