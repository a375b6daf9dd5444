//! A domain controller.

use std::net::IpAddr;

/// One domain controller, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controller {
    /// Its full name in DNS, such as `dc1.example.com`: Kerberos proves this name.
    pub name: String,
    /// Where it is.
    pub address: IpAddr,
    /// Its domain's name in DNS, such as `example.com`.
    pub domain: String,
}

impl Controller {
    /// A service of this controller as Kerberos names it. [MS-ADTS] 2.2.4 has the names; its realm is its domain's name in
    /// capitals.
    #[must_use]
    pub fn service(&self, kind: &str) -> String {
        format!("{kind}/{}@{}", self.name, self.domain.to_ascii_uppercase())
    }

    /// Its LDAP service, by the name that has the domain in it: only a controller may have such a name, while any member of
    /// the domain may call itself `ldap/` and its own name. [MS-ADTS] 3.1.1.5.3.1.1.4, "Validated-SPN".
    #[must_use]
    pub fn ldap_service(&self) -> String {
        format!("ldap/{}/{}@{}", self.name, self.domain, self.domain.to_ascii_uppercase())
    }
}
