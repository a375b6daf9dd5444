//! Has Kerberos ask the controller that was found, and not the next best of its own list: for a silent one it would wait 17
//! seconds and more. "MIT Kerberos Documentation", krb5.conf, `[realms]`.
//!
//! The library reads the files that the variable `KRB5_CONFIG` names, for each new credential anew. The agent's unit names two:
//! this file, which may be missing, and the system's. Where both say who gives tickets, this one is asked first.

use core::net::IpAddr;
use std::path::{Path, PathBuf};

use lapwing_proto::ad::dns::{DnsName, DnsNameError};

use super::controller::Controller;
use crate::identity::{IdentityError, files};

/// The name of the file in the program's runtime folder.
const FILE: &str = "krb5.conf";
/// The system's own, which is read after ours.
const SYSTEM: &str = "/etc/krb5.conf";

/// The file that tells Kerberos whom to ask.
#[derive(Debug, Clone)]
pub struct KdcPin {
    path: PathBuf,
}

/// Why Kerberos could not be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// The domain's name could mean something else in the file.
    #[error(transparent)]
    Name(#[from] DnsNameError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] IdentityError),
}

impl KdcPin {
    /// The file in `folder`, which belongs to this program alone and goes when it ends (systemd.exec(5),
    /// `RuntimeDirectory=`).
    #[must_use]
    pub fn within(folder: &Path) -> Self {
        Self { path: folder.join(FILE) }
    }

    /// The value of `KRB5_CONFIG` with which a program asks whom the file names.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{}:{SYSTEM}", self.path.display())
    }

    /// Has Kerberos ask this controller for tickets of its domain, from the next credential on. Blocks on the disk.
    ///
    /// # Errors
    /// [`PinError`] if the file is as it was.
    pub fn set(&self, controller: &Controller) -> Result<(), PinError> {
        let text = text(&DnsName::parse(&controller.domain)?, controller.address);
        if files::read_if_there(&self.path)?.as_deref() == Some(text.as_bytes()) {
            return Ok(());
        }
        Ok(files::replace_public(&self.path, text.as_bytes())?)
    }
}

fn text(domain: &DnsName, address: IpAddr) -> String {
    let address = match address {
        IpAddr::V4(address) => format!("{address}:88"),
        IpAddr::V6(address) => format!("[{address}]:88"),
    };
    // With each answer the library wonders whether it came from the primary, and asks DNS who that is, two seconds for each
    // silent server: so it is told. Before version 1.19 it knew the primary by another word.
    format!(
        "# Written by lapwingd: the domain controller that it speaks with gives it its tickets too.\n\
         [libdefaults]\n\tdns_canonicalize_hostname = false\n\trdns = false\n\
         [realms]\n\t{} = {{\n\t\tkdc = {address}\n\t\tprimary_kdc = {address}\n\t\tmaster_kdc = {address}\n\t}}\n",
        domain.realm()
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn controller(domain: &str, address: &str) -> Controller {
        Controller {
            name: "dc1.lapwing.test".to_owned(),
            address: address.parse().unwrap(),
            domain: domain.to_owned(),
        }
    }

    #[test]
    fn the_file_names_one_controller_and_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let pin = KdcPin::within(folder.path());
        let path = folder.path().join("krb5.conf");
        assert_eq!(pin.variable(), format!("{}:/etc/krb5.conf", path.display()));
        pin.set(&controller("lapwing.test", "10.123.0.2")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("[realms]\n\tLAPWING.TEST = {\n\t\tkdc = 10.123.0.2:88\n"), "{text}");
        assert!(text.contains("\tprimary_kdc = 10.123.0.2:88\n") && text.ends_with("\t}\n"), "{text}");
        pin.set(&controller("lapwing.test", "fd00::2")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("kdc = [fd00::2]:88\n") && !text.contains("10.123"), "{text}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_domain_that_would_add_lines_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pin = KdcPin::within(folder.path());
        let evil = controller("a = {\n\t\tkdc = evil\n", "10.123.0.2");
        assert!(matches!(pin.set(&evil), Err(PinError::Name(_))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
