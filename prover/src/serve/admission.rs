//! Whom requests come from, as far as a browser says it: other people's pages are kept out.
//!
//! A page can have a browser send requests anywhere, also to where only the browser's machine gets. It cannot
//! choose the headers that are looked at here: `Host`, `Origin`, `Sec-Fetch-*`, and a content type that is not a form's.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, Method, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{
    body::is_json,
    config::Config,
    listen::Listen,
    openai,
    problem::{Problem, Refusal},
};

/// What the service is called by those who mean it.
pub(super) struct Admission {
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    /// It listens on every address, and does not know them: a number stands for nothing but itself, so that no
    /// page can make it another's.
    any_address: bool,
}

impl Admission {
    pub(super) fn new(config: &Config) -> Self {
        let listening = [Some(config.listen), config.admin.listen].into_iter().flatten();
        let (mut addresses, mut any_address) = (Vec::new(), false);
        for listen in listening {
            match listen {
                Listen::Tcp(address) if !address.ip().is_unspecified() => {
                    addresses.push(address.ip());
                }
                Listen::Tcp(_) | Listen::Vsock(_) => any_address = true,
            }
        }
        Self { names: config.hosts.clone(), addresses, any_address }
    }

    /// Errors: another host is meant, or a page of another asks.
    fn admit(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let hosts = headers.get_all(header::HOST).iter().map(|host| host.to_str().ok());
        let named = uri.authority().map(|authority| Some(authority.as_str()));
        for host in hosts.chain(named) {
            if !host.is_some_and(|host| self.knows(host)) {
                let found = host.unwrap_or("no text");
                let why = format!("expected a host that the configuration knows, found {found:?}");
                return Err(Refusal::HostUnknown.because(why));
            }
        }
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        if let Some(origin) = text(header::ORIGIN) {
            let host = origin.split_once("://").map_or(origin, |(_, host)| host);
            if !self.knows(host) {
                let why = format!("requests of pages of {origin:?} are not taken");
                return Err(Refusal::OriginUnknown.because(why));
            }
        }
        let site = text(HeaderName::from_static("sec-fetch-site"));
        if !matches!(site, None | Some("none" | "same-origin")) {
            // Whoever follows a link looks at it. A frame is another page's.
            let mode = text(HeaderName::from_static("sec-fetch-mode"));
            let place = text(HeaderName::from_static("sec-fetch-dest"));
            let link = (mode, place) == (Some("navigate"), Some("document"));
            if method != Method::GET || !link {
                return Err(Refusal::OriginUnknown.because("requests of other pages are not taken"));
            }
        }
        // Of what changes something, a page can send POST alone unasked, and of a form's types alone. OpenAI's
        // clients are told so in their own way.
        let form = !is_json(headers) && !headers.contains_key(MARK);
        if method == Method::POST && form && !openai::refuses_forms(uri.path()) {
            let why = format!("expected Content-Type: application/json, or a header {MARK}");
            return Err(Refusal::RequestContentType.because(why));
        }
        Ok(())
    }

    fn knows(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let host = authority.host();
        if authority.as_str().contains('@') {
            return false;
        }
        let number = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if let Ok(address) = number.unwrap_or(host).parse::<IpAddr>() {
            return self.any_address || address.is_loopback() || self.addresses.contains(&address);
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let is = |name: &str| host.eq_ignore_ascii_case(name);
        is("localhost") || self.names.iter().any(|name| is(name))
    }
}

/// A header that no form sends.
const MARK: &str = "assay-request";

/// Whether a configuration may call the service so: a name, without a port.
pub(super) fn is_host(name: &str) -> bool {
    let part = |part: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !part.is_empty() && part.len() <= 63 && part.bytes().all(known)
    };
    name.len() <= 253 && name.split('.').all(part) && name.parse::<IpAddr>().is_err()
}

/// Where the administration is, where nobody says so: the next port of this machine. None: there is none.
pub(super) fn next_to(listen: Listen) -> Option<Listen> {
    Some(match listen {
        Listen::Tcp(address) => {
            let port = match address.port() {
                0 => 0,
                port => port.checked_add(1)?,
            };
            let loopback: IpAddr = match address.ip() {
                IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            };
            Listen::Tcp(SocketAddr::new(loopback, port))
        }
        Listen::Vsock(port) => Listen::Vsock(port.checked_add(1)?),
    })
}

/// Lets a request in, or refuses it.
pub(super) async fn admitted(
    State(admission): State<Arc<Admission>>,
    request: Request,
    next: Next,
) -> Response {
    match admission.admit(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(listen: &str, hosts: &[&str]) -> Admission {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let listen = listen.parse().unwrap();
        Admission::new(&Config { listen, hosts, ..Config::default() })
    }

    #[test]
    fn a_host_is_one_that_was_named_or_this_machine() {
        let local = admission("127.0.0.1:8547", &["assay.example.org"]);
        for host in [
            "localhost",
            "LOCALHOST:8547",
            "127.0.0.1:8547",
            "127.0.0.9",
            "[::1]:80",
            "localhost.",
            "Assay.Example.org",
            "assay.example.org:443",
        ] {
            assert!(local.knows(host), "{host}");
        }
        for host in [
            "evil.com",
            "10.0.0.1",
            "example.org",
            "localhost.evil.com",
            "evil.com:localhost",
            "",
            "a@localhost",
            "127.0.0.1.nip.io",
            "[::2]",
            "0x7f.1",
            "xassay.example.org",
            "2130706433",
        ] {
            assert!(!local.knows(host), "{host}");
        }
        let other = admission("10.0.0.1:80", &[]);
        assert!(other.knows("10.0.0.1") && !other.knows("10.0.0.2"));
        let every = admission("0.0.0.0:80", &[]);
        assert!(every.knows("10.0.0.2:80") && !every.knows("evil.com"));
    }

    #[test]
    fn other_peoples_pages_are_kept_out() {
        let local = admission("127.0.0.1:8547", &[]);
        let json = ("content-type", "application/json");
        for (method, headers, code) in [
            ("GET", vec![("host", "evil.com")], Some("host-unknown")),
            ("GET", vec![("host", "localhost"), ("host", "evil.com")], Some("host-unknown")),
            ("GET", vec![("origin", "https://evil.com")], Some("origin-unknown")),
            ("GET", vec![("origin", "null")], Some("origin-unknown")),
            ("POST", vec![json, ("origin", "https://evil.com")], Some("origin-unknown")),
            ("POST", vec![json, ("origin", "http://localhost:8547")], None),
            ("POST", vec![json, ("sec-fetch-site", "same-site")], Some("origin-unknown")),
            ("POST", vec![json, ("sec-fetch-site", "cross-site")], Some("origin-unknown")),
            ("POST", vec![json, ("sec-fetch-site", "same-origin")], None),
            ("GET", vec![("sec-fetch-site", "cross-site")], Some("origin-unknown")),
            (
                "GET",
                vec![
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "iframe"),
                ],
                Some("origin-unknown"),
            ),
            (
                "GET",
                vec![
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "document"),
                ],
                None,
            ),
            ("POST", vec![], Some("request-content-type")),
            ("POST", vec![("content-type", "text/plain")], Some("request-content-type")),
            ("POST", vec![(MARK, "1")], None),
            ("POST", vec![json], None),
            ("DELETE", vec![], None),
            ("GET", vec![], None),
        ] {
            let map = headers
                .iter()
                .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
            let mut all = HeaderMap::new();
            all.extend(map.map(|(name, value)| (Some(name), value)));
            let method = method.parse().unwrap();
            let found = local.admit(&method, &Uri::from_static("/v1"), &all);
            let found = found.err().map(|problem| problem.code().to_owned());
            assert_eq!(found.as_deref(), code, "{method} {headers:?}");
        }
        let elsewhere = Uri::from_static("http://evil.com/v1");
        assert!(local.admit(&Method::GET, &elsewhere, &HeaderMap::new()).is_err());
    }

    #[test]
    fn administration_is_next_to_the_interface_on_this_machine() {
        for (listen, next) in [
            ("0.0.0.0:8547", Some("127.0.0.1:8548")),
            ("[::]:80", Some("[::1]:81")),
            ("127.0.0.1:0", Some("127.0.0.1:0")),
            ("vsock:8547", Some("vsock:8548")),
            ("127.0.0.1:65535", None),
        ] {
            let next = next.map(|next| next.parse::<Listen>().unwrap());
            assert_eq!(next_to(listen.parse().unwrap()), next, "{listen}");
        }
    }
}
