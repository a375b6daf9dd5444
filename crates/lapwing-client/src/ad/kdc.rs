//! Has Kerberos ask the controller that was found, and not the next best of its own list: for a silent one it would wait 17
//! seconds and more. "MIT Kerberos Documentation", krb5.conf, `[realms]`.
//!
//! The library reads the files that the variable `KRB5_CONFIG` names, for each new credential anew. The agent's unit names two:
//! this file, which may be missing, and the system's. Where both say who gives tickets, this one is asked first. A command has
//! no unit, so it names them to itself, before it has a second thread, and keeps the first in memory.

use core::net::IpAddr;
use std::{
    env,
    ffi::OsString,
    fs::File,
    io,
    os::{fd::AsRawFd as _, unix::fs::FileExt as _},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use lapwing_proto::ad::dns::{DnsName, DnsNameError};

use super::{controller::Controller, sys};
use crate::identity::{IdentityError, files};

/// The name of the file in the program's runtime folder.
const FILE: &str = "krb5.conf";
/// The system's own, which is read after ours.
const SYSTEM: &str = "/etc/krb5.conf";

/// The variable that names the files.
const VARIABLE: &str = "KRB5_CONFIG";
/// Keeps SSSD, where it is installed, from saying whom to ask. sssd_krb5_locator_plugin(8).
const NO_SSSD: &str = "SSSD_KRB5_LOCATOR_DISABLE";

/// The file that tells Kerberos whom to ask.
#[derive(Debug, Clone)]
pub struct KdcPin(Kept);

#[derive(Debug, Clone)]
enum Kept {
    OnDisk(PathBuf),
    InMemory(Arc<File>),
}

/// That of this process, once it was asked for.
static OWN: OnceLock<Option<KdcPin>> = OnceLock::new();

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
    /// The file in memory cannot be written.
    #[error("the file that tells Kerberos whom to ask cannot be written")]
    Memory(#[from] io::Error),
}

impl KdcPin {
    /// The file in `folder`, which belongs to this program alone and goes when it ends (systemd.exec(5),
    /// `RuntimeDirectory=`).
    #[must_use]
    pub fn within(folder: &Path) -> Self {
        Self(Kept::OnDisk(folder.join(FILE)))
    }

    /// The value of `KRB5_CONFIG` with which a program asks whom the file names.
    #[must_use]
    pub fn variable(&self) -> String {
        match &self.0 {
            Kept::OnDisk(path) => format!("{}:{SYSTEM}", path.display()),
            Kept::InMemory(file) => format!("{}:{SYSTEM}", of_memory(file)),
        }
    }

    /// A file of this process alone, in memory, which its Kerberos reads from now on; none if that cannot be, because the
    /// process had a second thread when this was first called: then Kerberos asks whom it likes.
    #[must_use]
    pub fn of_this_process() -> Option<Self> {
        OWN.get_or_init(|| Self::in_memory().ok()).clone()
    }

    fn in_memory() -> io::Result<Self> {
        let file = File::from(rustix::fs::memfd_create("krb5.conf", rustix::fs::MemfdFlags::CLOEXEC)?);
        let mut value = OsString::from(of_memory(&file));
        value.push(":");
        // Whoever has chosen other files than the system's keeps them.
        value.push(env::var_os(VARIABLE).unwrap_or_else(|| SYSTEM.into()));
        sys::set_variable(VARIABLE, &value)?;
        sys::set_variable(NO_SSSD, "1".as_ref())?;
        Ok(Self(Kept::InMemory(Arc::new(file))))
    }

    /// Has Kerberos ask this controller for tickets of its domain, from the next credential on. Blocks on the disk.
    ///
    /// # Errors
    /// [`PinError`] if the file is as it was.
    pub fn set(&self, controller: &Controller) -> Result<(), PinError> {
        let text = text(&DnsName::parse(&controller.domain)?, controller.address);
        match &self.0 {
            Kept::OnDisk(path) if files::read_if_there(path)?.as_deref() == Some(text.as_bytes()) => {}
            Kept::OnDisk(path) => files::replace_public(path, text.as_bytes())?,
            // Who reads it in between reads nothing, and asks as the system's file says.
            Kept::InMemory(file) => {
                file.set_len(0)?;
                file.write_all_at(text.as_bytes(), 0)?;
            }
        }
        Ok(())
    }
}

fn of_memory(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
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
    fn a_process_with_other_threads_keeps_its_environment() {
        // A test runs beside the thread that started it.
        assert!(KdcPin::of_this_process().is_none());
        assert!(env::var_os(NO_SSSD).is_none());
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
