//! The only file that reads the random source and the environment.

use core::convert::Infallible;
use std::path::PathBuf;

use lapwing_core::types::Guid;
use rand_core::{TryCryptoRng, TryRng};

/// The system's random source.
pub(crate) struct OsRng;

impl TryRng for OsRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        // A host without randomness must not generate passwords: stop at once.
        getrandom::fill(bytes).expect("the system's random source failed");
        Ok(())
    }
}

impl TryCryptoRng for OsRng {}

/// A fresh GUID, to find a request in the server's log.
pub(crate) fn request_id() -> Guid {
    Guid::random(&mut OsRng)
}

/// Where the caller's own configuration is: `$XDG_CONFIG_HOME`, else `~/.config`.
pub(crate) fn config_home() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))
}
