//! Addresses, as values that are valid: `https`, a host, no user name or password in them.

use core::{fmt, str::FromStr};

use hyper::http::{Uri, uri::Scheme};

/// The longest address that is accepted, in bytes. Real ones are below 300; a paging token may be long.
pub const URL_LEN_MAX: usize = 4096;

/// An `https` address: host, port, path and query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsUrl {
    host: String,
    port: u16,
    path_and_query: String,
}

/// Why a text is not an address that Lapwing calls.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{text:?} is not an https address: {why}")]
pub struct UrlError {
    text: String,
    why: &'static str,
}

impl HttpsUrl {
    /// The host: a name, an IPv4 address, or an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 443 if the text named none.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query as they stand in the request line.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// Host and port as they stand in the `Host` header: brackets around IPv6, no port if it is 443.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 443 { host } else { format!("{host}:{}", self.port) }
    }

    /// Whether a connection to `other` can carry a request to this address.
    #[must_use]
    pub fn same_origin(&self, other: &Self) -> bool {
        self.port == other.port && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// This address with `suffix` (a path below it, or a query) after its path, one `/` between them.
    ///
    /// # Errors
    /// [`UrlError`] if `suffix` has characters that an address cannot have.
    pub fn join(&self, suffix: &str) -> Result<Self, UrlError> {
        let path = self.path_and_query.split('?').next().unwrap_or_default().trim_end_matches('/');
        let slash = if suffix.starts_with(['/', '?']) { "" } else { "/" };
        format!("https://{}{path}{slash}{suffix}", self.authority()).parse()
    }
}

impl FromStr for HttpsUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let error = |why| UrlError { text: text.chars().take(120).collect(), why };
        if text.len() > URL_LEN_MAX {
            return Err(error("it is too long"));
        }
        let uri: Uri = text.parse().map_err(|_| error("it is not a URL"))?;
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return Err(error("it does not begin with https://"));
        }
        let authority = uri.authority().ok_or_else(|| error("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(error("it carries a user name"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(error("it has no host"));
        }
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
        let path_and_query = if path_and_query.starts_with('?') {
            format!("/{path_and_query}")
        } else {
            path_and_query.to_owned()
        };
        Ok(Self { host: host.to_owned(), port: authority.port_u16().unwrap_or(443), path_and_query })
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.authority(), self.path_and_query)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> HttpsUrl {
        text.parse().unwrap()
    }

    #[test]
    fn the_parts_of_an_address_are_told_apart() {
        let plain = url("https://laps.example");
        assert_eq!((plain.host(), plain.port(), plain.path_and_query()), ("laps.example", 443, "/"));
        assert_eq!(plain.authority(), "laps.example");
        let full = url("https://[::1]:8443/a/b/?c=d");
        assert_eq!((full.host(), full.port(), full.path_and_query()), ("::1", 8443, "/a/b/?c=d"));
        assert_eq!(full.to_string(), "https://[::1]:8443/a/b/?c=d");
    }

    #[test]
    fn joining_leaves_one_slash_and_drops_the_old_query() {
        assert_eq!(
            url("https://h/manage/t/?x=1").join("device?y=2").unwrap(),
            url("https://h/manage/t/device?y=2")
        );
        assert_eq!(url("https://h/manage").join("/device").unwrap(), url("https://h/manage/device"));
        assert_eq!(url("https://h/nonce/").join("?v=1").unwrap(), url("https://h/nonce?v=1"));
    }

    #[test]
    fn what_is_no_https_address_is_refused() {
        for text in
            ["", "h", "http://h/", "https://", "https://u:p@h/", "https://h/ x", "ftp://h", "https:///p"]
        {
            assert!(text.parse::<HttpsUrl>().is_err(), "{text}");
        }
        let long = format!("https://h/{}", "a".repeat(URL_LEN_MAX));
        assert!(long.parse::<HttpsUrl>().is_err());
        assert!(long[..URL_LEN_MAX].parse::<HttpsUrl>().is_ok());
    }

    #[test]
    fn an_origin_is_host_and_port() {
        assert!(url("https://h/a").same_origin(&url("https://H:443/b")));
        assert!(!url("https://h/a").same_origin(&url("https://h:444/a")));
    }

    proptest! {
        #[test]
        fn an_address_reads_as_it_prints(text in "https://[a-z0-9.]{1,20}(:[0-9]{1,4})?(/[a-z0-9/._~-]{0,20})?") {
            if let Ok(url) = text.parse::<HttpsUrl>() {
                prop_assert_eq!(url.to_string().parse::<HttpsUrl>().unwrap(), url);
            }
        }

        #[test]
        fn arbitrary_text_never_panics(text: String, suffix: String) {
            drop(text.parse::<HttpsUrl>());
            drop(url("https://h/a").join(&suffix));
        }
    }
}
