//! To which realm somebody belongs, as the system's library knows it without asking the domain.

use core::time::Duration;

use libgssapi::{
    credential::{Cred, CredUsage},
    error::Error as GssError,
    name::Name,
    oid::{GSS_MECH_KRB5, GSS_NT_USER_NAME, OidSet},
};

use super::kerberos::{KerberosError, apart};

/// The realm of the caller's tickets (`kinit`), within `limit`. Realms of Active Directory are the names of domains in
/// capitals. [MS-KILE] 3.1.5.6.
///
/// # Errors
/// [`KerberosError::NoTicket`] and the like.
pub async fn realm_of_tickets(limit: Duration) -> Result<String, KerberosError> {
    name(limit, || {
        let mut mechanisms = OidSet::new()?;
        mechanisms.add(&GSS_MECH_KRB5)?;
        Cred::acquire(None, None, CredUsage::Initiate, Some(&mechanisms))?.name()
    })
    .await
    .map(|principal| realm(&principal))
}

/// The realm of whoever names none: `default_realm` of krb5.conf, within `limit`; empty if there is none.
///
/// # Errors
/// [`KerberosError`] if the library has no answer.
pub async fn default_realm(limit: Duration) -> Result<String, KerberosError> {
    name(limit, || Name::new(b"nobody", Some(&GSS_NT_USER_NAME))?.canonicalize(Some(&GSS_MECH_KRB5)))
        .await
        .map(|principal| realm(&principal))
}

async fn name(
    limit: Duration,
    get: impl FnOnce() -> Result<Name, GssError> + Send + 'static,
) -> Result<String, KerberosError> {
    apart(limit, move || {
        let name = get().and_then(|name| name.display_name());
        let name = name.map_err(|error| KerberosError::of(error, "the caller", ""))?;
        Ok(String::from_utf8_lossy(&name).into_owned())
    })
    .await
}

/// What stands behind the last `@`: no realm has one, and a name may.
fn realm(principal: &str) -> String {
    principal.rsplit_once('@').map_or("", |(_, realm)| realm).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_stands_behind_the_last_at_sign() {
        assert_eq!(realm("alice@EXAMPLE.COM"), "EXAMPLE.COM");
        assert_eq!(realm("alice\\@home@EXAMPLE.COM"), "EXAMPLE.COM");
        assert_eq!(realm("alice"), "");
    }
}
