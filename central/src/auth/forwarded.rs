//! Where a request comes from when a proxy passes it on. What `X-Forwarded-For` says is believed only as far as it was
//! written by proxies that are trusted: whoever else sends it may say anything.

use std::net::IpAddr;

use axum::http::HeaderMap;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The last address that no trusted proxy is at: each of them appends the one that it was asked from. What cannot be read
/// ends the search at the one who wrote it.
#[must_use]
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|it| it.to_canonical() == *address);
    let mut found = peer;
    let lines: Vec<&str> =
        headers.get_all(X_FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or("unreadable")).collect();
    let mut written = lines.iter().rev().flat_map(|line| line.rsplit(','));
    while is_trusted(&found) {
        let Some(Ok(address)) = written.next().map(|text| text.trim().parse::<IpAddr>()) else { break };
        found = address.to_canonical();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_wrote_is_believed() {
        let trusted: Vec<IpAddr> = ["10.0.0.1", "10.0.0.2", "fd00::1"].map(|it| it.parse().unwrap()).into();
        for (peer, headers, expected) in [
            ("192.0.2.7", &[][..], "192.0.2.7"),
            ("192.0.2.7", &["198.51.100.1"], "192.0.2.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.7"], "192.0.2.7"),
            ("::ffff:10.0.0.1", &["::ffff:192.0.2.7"], "192.0.2.7"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            // What the asker made up stands left of where the proxy saw it come from.
            ("10.0.0.1", &["127.0.0.1, 198.51.100.1, 192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["127.0.0.1", "192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["198.51.100.1, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
            ("10.0.0.1", &["10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.7, _hidden"], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            let mut map = HeaderMap::new();
            for text in headers {
                map.append(X_FORWARDED_FOR, text.parse().unwrap());
            }
            let found = client(peer.parse().unwrap(), &map, &trusted);
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {headers:?}");
        }
    }
}
