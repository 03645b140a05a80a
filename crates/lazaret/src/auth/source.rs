//! Where a request comes from, as far as limits on strangers count it.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;

use crate::gate::Gate;

/// An address of IPv4; of IPv6 its /64, since whoever has one address of it has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(Ipv6Addr);

impl Source {
    /// Of an address.
    pub fn of(address: IpAddr) -> Source {
        match address.to_canonical() {
            IpAddr::V4(four) => Source(four.to_ipv6_mapped()),
            IpAddr::V6(six) => Source(Ipv6Addr::from_bits(six.to_bits() >> 64 << 64)),
        }
    }
}

impl FromRequestParts<Arc<Gate>> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Gate>) -> Result<Source, Infallible> {
        let known = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        // No forwarded header counts: what is behind a proxy shares the proxy's tries.
        Ok(Source::of(known.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_network_are_one_source() {
        let source = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
    }
}
