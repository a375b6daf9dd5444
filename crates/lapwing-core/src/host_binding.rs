//! Which machine a journal was written on, and what it means where that has changed: docs/copies.md.
//!
//! The journal holds salted digests of what tells machines apart, so that neither it nor a copy of it tells a serial
//! number. Pure: the root half reads the parts and digests them.
//!
//! INVARIANT: a part that is not known on either side is no evidence, and evidence that allows for a copy is never taken
//! for a restored host.

use core::fmt;

/// What tells one machine from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `/etc/machine-id`, drawn at the first boot of an installation. machine-id(5).
    MachineId,
    /// The machine's UUID in its firmware, virtual or not: `/sys/class/dmi/id/product_uuid`. SMBIOS 3.7.0, 7.2.1.
    ProductUuid,
    /// The UUID of the file system that holds `/etc/shadow`.
    Filesystem,
}

impl Part {
    /// Each of them, in the order of the fields of [`Parts`].
    pub const ALL: [Self; 3] = [Self::MachineId, Self::ProductUuid, Self::Filesystem];

    /// What is digested before its value, so that no two parts ever have one digest.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::MachineId => "lapwing host binding 1\0machine-id\0",
            Self::ProductUuid => "lapwing host binding 1\0product-uuid\0",
            Self::Filesystem => "lapwing host binding 1\0filesystem\0",
        }
    }
}

/// One thing for each part that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts<T> {
    /// [`Part::MachineId`].
    pub machine_id: Option<T>,
    /// [`Part::ProductUuid`].
    pub product_uuid: Option<T>,
    /// [`Part::Filesystem`].
    pub filesystem: Option<T>,
}

impl<T> Parts<T> {
    /// The same of each part that is known.
    pub fn map<U>(self, of: impl Fn(Part, T) -> U) -> Parts<U> {
        let Self { machine_id, product_uuid, filesystem } = self;
        Parts {
            machine_id: machine_id.map(|value| of(Part::MachineId, value)),
            product_uuid: product_uuid.map(|value| of(Part::ProductUuid, value)),
            filesystem: filesystem.map(|value| of(Part::Filesystem, value)),
        }
    }
}

/// The parts as they are read, each in sixteen bytes.
pub type Identity = Parts<[u8; 16]>;

impl Identity {
    /// What can be made of what was read: the text of `/etc/machine-id`, that of `product_uuid`, and the file system's UUID.
    /// A placeholder is left out, and so is the firmware of the machine around a container.
    #[must_use]
    pub fn of(
        machine_id: &str,
        product_uuid: &str,
        filesystem: Option<[u8; 16]>,
        is_container: bool,
    ) -> Self {
        Self {
            machine_id: sixteen_bytes(machine_id),
            product_uuid: sixteen_bytes(product_uuid).filter(|_| !is_container),
            filesystem: filesystem.filter(is_drawn),
        }
    }
}

/// Thirty-two hexadecimal digits, with or without the hyphens of a UUID.
fn sixteen_bytes(text: &str) -> Option<[u8; 16]> {
    let digits = text.trim().replace('-', "");
    let is_hex = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let value = is_hex.then(|| u128::from_str_radix(&digits, 16).ok()).flatten()?;
    Some(value.to_be_bytes()).filter(is_drawn)
}

/// Whether it is none of the values that stand for "not set". SMBIOS 3.7.0, 7.2.1.
fn is_drawn(value: &[u8; 16]) -> bool {
    *value != [0; 16] && *value != [0xff; 16]
}

/// The machine that a journal was last written on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostBinding {
    /// Drawn with the first binding; of no other use, and no secret.
    pub salt: [u8; 16],
    /// The SHA-256 of salt, label and value.
    pub digests: Parts<[u8; 32]>,
}

impl HostBinding {
    /// What it means that the journal of this machine is read where the parts, with the same salt, have these digests.
    #[must_use]
    pub fn compare(&self, seen: &Parts<[u8; 32]>) -> Origin {
        let of = |bound: Option<[u8; 32]>, seen: Option<[u8; 32]>| match (bound, seen) {
            (Some(bound), Some(seen)) if bound == seen => Finding::Same,
            (Some(_), Some(_)) => Finding::Changed,
            _ => Finding::Unknown,
        };
        let Parts { machine_id, product_uuid, filesystem } = self.digests;
        origin(
            of(machine_id, seen.machine_id),
            of(product_uuid, seen.product_uuid),
            of(filesystem, seen.filesystem),
        )
    }

    /// The binding to this machine from now on. What is not known now stays as it was, lest one boot in which the firmware
    /// cannot be read make a copy pass later.
    #[must_use]
    pub fn renewed(self, seen: Parts<[u8; 32]>) -> Self {
        let Parts { machine_id, product_uuid, filesystem } = self.digests;
        let digests = Parts {
            machine_id: seen.machine_id.or(machine_id),
            product_uuid: seen.product_uuid.or(product_uuid),
            filesystem: seen.filesystem.or(filesystem),
        };
        Self { digests, ..self }
    }
}

/// One part, compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    Same,
    Changed,
    Unknown,
}

/// Where a journal is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// On the machine that it was written on, as far as that can be told.
    Same,
    /// On that machine, from another file system: it was restored from a backup, or its disk was replaced. Nothing else can
    /// run with its identity, so passwords are changed as always.
    Restored,
    /// Perhaps on another machine, while the one that it was written on goes on.
    PossibleCopy(Evidence),
}

/// Why a host may be a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Only the machine id is another.
    MachineId,
    /// Only the firmware's UUID is another: a copied virtual machine, a disk that was moved, a new board.
    Firmware,
    /// Only the file system is another, and no firmware tells whether the machine is.
    Filesystem,
    /// Firmware and file system are others, the installation is the same: files copied or restored to another machine.
    FirmwareAndFilesystem,
    /// The installation is another, and so is the firmware or the file system.
    Installation,
}

/// The table of docs/copies.md.
const fn origin(machine_id: Finding, product_uuid: Finding, filesystem: Finding) -> Origin {
    use Finding::{Changed, Same, Unknown};
    match (machine_id, product_uuid, filesystem) {
        (Same | Unknown, Same | Unknown, Same | Unknown) => Origin::Same,
        (Same | Unknown, Same, Changed) => Origin::Restored,
        (Same | Unknown, Unknown, Changed) => Origin::PossibleCopy(Evidence::Filesystem),
        (Same | Unknown, Changed, Same | Unknown) => Origin::PossibleCopy(Evidence::Firmware),
        (Same | Unknown, Changed, Changed) => Origin::PossibleCopy(Evidence::FirmwareAndFilesystem),
        (Changed, Same | Unknown, Same | Unknown) => Origin::PossibleCopy(Evidence::MachineId),
        (Changed, Changed, _) | (Changed, Same | Unknown, Changed) => {
            Origin::PossibleCopy(Evidence::Installation)
        }
    }
}

impl Evidence {
    /// What to do about a possible copy.
    #[must_use]
    pub const fn next_step(self) -> &'static str {
        "if the host that this one may be a copy of is gone, run `lapwing adopt` here; if it lives, run `lapwing generalize` here and enrol or join anew"
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this host may be a copy of the one whose password its journal holds: ")?;
        f.write_str(match self {
            Self::MachineId => "its machine id is another",
            Self::Firmware => {
                "the machine's firmware has another UUID, as that of a copied virtual machine or of another machine with the same disk"
            }
            Self::Filesystem => {
                "/etc is on another file system, and no firmware tells whether the machine is the same"
            }
            Self::FirmwareAndFilesystem => "the machine's firmware and the file system of /etc have other UUIDs",
            Self::Installation => "its machine id is another, and so is the machine or the file system of /etc",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Digest = Option<[u8; 32]>;

    /// `=` the same, `x` another, `?` known to nobody, `+` known only now, `-` only when the journal was written.
    fn digest_pair(kind: char) -> (Digest, Digest) {
        let (one, other) = (Some([1; 32]), Some([2; 32]));
        match kind {
            '=' => (one, one),
            'x' => (one, other),
            '+' => (None, one),
            '-' => (one, None),
            _ => (None, None),
        }
    }

    fn compare(row: &str) -> Origin {
        let kinds: Vec<_> = row.chars().map(digest_pair).collect();
        let parts = |of: fn(&(Digest, Digest)) -> Digest| Parts {
            machine_id: of(&kinds[0]),
            product_uuid: of(&kinds[1]),
            filesystem: of(&kinds[2]),
        };
        HostBinding { salt: [0; 16], digests: parts(|pair| pair.0) }.compare(&parts(|pair| pair.1))
    }

    /// Machine id, firmware, file system.
    #[test]
    fn each_change_has_its_meaning() {
        use Evidence::{Filesystem, Firmware, FirmwareAndFilesystem, Installation, MachineId};
        let copy = Origin::PossibleCopy;
        for (row, expected) in [
            ("===", Origin::Same),
            ("=?=", Origin::Same),
            ("==?", Origin::Same),
            ("???", Origin::Same),
            ("==x", Origin::Restored),
            ("?=x", Origin::Restored),
            ("=?x", copy(Filesystem)),
            ("??x", copy(Filesystem)),
            ("=x=", copy(Firmware)),
            ("=x?", copy(Firmware)),
            ("?x=", copy(Firmware)),
            ("?x?", copy(Firmware)),
            ("=xx", copy(FirmwareAndFilesystem)),
            ("?xx", copy(FirmwareAndFilesystem)),
            ("x==", copy(MachineId)),
            ("x=?", copy(MachineId)),
            ("x?=", copy(MachineId)),
            ("x??", copy(MachineId)),
            ("x=x", copy(Installation)),
            ("x?x", copy(Installation)),
            ("xx=", copy(Installation)),
            ("xx?", copy(Installation)),
            ("xxx", copy(Installation)),
            ("?==", Origin::Same),
            ("?=?", Origin::Same),
            ("??=", Origin::Same),
            ("=??", Origin::Same),
        ] {
            assert_eq!(compare(row), expected, "{row}");
            // What one side alone knows counts as what neither does.
            for unknown in ['+', '-'] {
                let row = row.replace('?', &unknown.to_string());
                assert_eq!(compare(&row), expected, "{row}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_now_stays_bound() {
        let bound =
            Parts { machine_id: Some([1; 32]), product_uuid: Some([2; 32]), filesystem: Some([3; 32]) };
        let seen = Parts { machine_id: Some([4; 32]), product_uuid: None, filesystem: None };
        let renewed = HostBinding { salt: [9; 16], digests: bound }.renewed(seen);
        assert_eq!(renewed.salt, [9; 16]);
        assert_eq!(renewed.digests, Parts { machine_id: Some([4; 32]), ..bound });
    }

    #[test]
    fn placeholders_and_the_firmware_around_a_container_are_left_out() {
        let id = "0123456789abcdef0123456789abcdef\n";
        let uuid = "12345678-90AB-CDEF-1234-567890ABCDEF\n";
        let host = Identity::of(id, uuid, Some([7; 16]), false);
        assert_eq!(host.machine_id.map(|id| id[..2].to_vec()), Some(vec![0x01, 0x23]));
        assert_eq!(host.product_uuid.map(|id| id[..2].to_vec()), Some(vec![0x12, 0x34]));
        assert_eq!(host.filesystem, Some([7; 16]));
        assert_eq!(
            Identity::of(id, uuid, None, true),
            Identity { machine_id: host.machine_id, ..Identity::default() }
        );
        for nothing in [
            "",
            "uninitialized\n",
            "00000000-0000-0000-0000-000000000000",
            &"f".repeat(32),
            "+123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(
                Identity::of(nothing, nothing, Some([0; 16]), false),
                Identity::default(),
                "{nothing}"
            );
        }
    }
}
