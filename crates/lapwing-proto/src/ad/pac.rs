//! What a domain says of somebody in a ticket: `KERB_VALIDATION_INFO`, the part of the privilege attribute certificate that
//! names groups. [MS-PAC] 2.5; [MS-RPCE] 2.2.6.
//!
//! Nothing here checks a signature: whoever hands the bytes over has done that.

use lapwing_core::types::Sid;

/// The longest that is read, in bytes. A ticket has 64 KiB at most. [MS-KILE] 3.1.1.2.
pub const LOGON_INFO_LEN_MAX: usize = 64 << 10;

/// `SE_GROUP_ENABLED`: the group counts. [MS-PAC] 2.2.1.
const ENABLED: u32 = 0x4;
/// `SE_GROUP_USE_FOR_DENY_ONLY`: it counts against its member alone. [MS-DTYP] 2.4.4.
const DENY_ONLY: u32 = 0x10;

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogonInfo {
    /// The account.
    pub account: Sid,
    /// The groups: the domain's own, those of others, and those that are local to the service's domain.
    pub groups: Vec<Membership>,
}

/// Being in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub group: Sid,
    /// `SE_GROUP_…`. [MS-PAC] 2.2.1.
    pub attributes: u32,
}

impl Membership {
    /// Whether what the group may do, its member may do. It counts against its member in any case.
    #[must_use]
    pub const fn grants(&self) -> bool {
        self.attributes & (ENABLED | DENY_ONLY) == ENABLED
    }
}

/// Why bytes are no such structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogonInfoError {
    /// Longer than any ticket.
    #[error("what the ticket says of its owner has {len} bytes, more than {LOGON_INFO_LEN_MAX}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not of the form that the specification gives.
    #[error("what the ticket says of its owner is malformed: {0}")]
    Malformed(&'static str),
}

use LogonInfoError::Malformed;

impl LogonInfo {
    /// Reads the structure as it stands in a ticket.
    ///
    /// # Errors
    /// [`LogonInfoError`] if it is too long, malformed anywhere, or does not name the account.
    pub fn parse(bytes: &[u8]) -> Result<Self, LogonInfoError> {
        if bytes.len() > LOGON_INFO_LEN_MAX {
            return Err(LogonInfoError::TooLong { len: bytes.len() });
        }
        let mut reader = Reader { all: bytes, at: 0 };
        reader.preamble()?;
        let fixed = Fixed::read(&mut reader)?;
        fixed.strings.into_iter().try_for_each(|string| reader.string(string))?;
        let own = reader.relative_groups(fixed.groups)?;
        [fixed.server, fixed.domain].into_iter().try_for_each(|string| reader.string(string))?;
        let domain = reader.optional_sid(fixed.domain_sid)?;
        let extra = reader.extra_sids(fixed.extra)?;
        let resource_domain = reader.optional_sid(fixed.resource_domain)?;
        let resource = reader.relative_groups(fixed.resource)?;
        reader.end()?;
        // Without a number of its own, the account is the first of the further SIDs.
        let account = match (fixed.user, &domain, extra.first()) {
            (0, _, Some(first)) => first.group.clone(),
            (user @ 1.., Some(domain), _) => within(domain, user)?,
            (0.., ..) => return Err(Malformed("it does not name the account")),
        };
        let mut groups = of_domain(domain.as_ref(), &own)?;
        groups.extend(extra);
        groups.extend(of_domain(resource_domain.as_ref(), &resource)?);
        Ok(Self { account, groups })
    }
}

fn within(domain: &Sid, relative: u32) -> Result<Sid, LogonInfoError> {
    domain.with_relative_id(relative).ok_or(Malformed("a domain's SID has no room for an account"))
}

fn of_domain(domain: Option<&Sid>, groups: &[(u32, u32)]) -> Result<Vec<Membership>, LogonInfoError> {
    let membership = |&(relative, attributes): &(u32, u32)| {
        let domain = domain.ok_or(Malformed("groups have no domain"))?;
        Ok(Membership { group: within(domain, relative)?, attributes })
    };
    groups.iter().map(membership).collect()
}

/// What stands at a fixed place; the rest follows in the order of the fields that announce it.
struct Fixed {
    strings: [Text; 6],
    user: u32,
    groups: Announced,
    server: Text,
    domain: Text,
    domain_sid: u32,
    extra: Announced,
    resource_domain: u32,
    resource: Announced,
}

/// A string that follows: its length and its room in bytes, and whether it follows at all.
#[derive(Clone, Copy)]
struct Text {
    len: u16,
    room: u16,
    pointer: u32,
}

/// An array that follows: of how many, and whether it follows at all.
#[derive(Clone, Copy)]
struct Announced {
    count: u32,
    pointer: u32,
}

impl Fixed {
    fn read(reader: &mut Reader<'_>) -> Result<Self, LogonInfoError> {
        let _times: [u8; 48] = reader.array()?;
        let mut strings = || reader.text();
        let strings = [strings()?, strings()?, strings()?, strings()?, strings()?, strings()?];
        let [_logons, user, _primary_group] = reader.numbers()?;
        let groups = reader.announced()?;
        let _flags_and_session_key: [u8; 20] = reader.array()?;
        let (server, domain) = (reader.text()?, reader.text()?);
        let [domain_sid] = reader.numbers()?;
        let _reserved_and_state: [u8; 40] = reader.array()?;
        let extra = reader.announced()?;
        let [resource_domain] = reader.numbers()?;
        let resource = reader.announced()?;
        Ok(Self { strings, user, groups, server, domain, domain_sid, extra, resource_domain, resource })
    }
}

struct Reader<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], LogonInfoError> {
        let end = self.at.checked_add(len).ok_or(Malformed("it ends early"))?;
        let taken = self.all.get(self.at..end).ok_or(Malformed("it ends early"))?;
        self.at = end;
        Ok(taken)
    }

    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], LogonInfoError> {
        self.take(LEN)?.try_into().map_err(|_| Malformed("it ends early"))
    }

    fn numbers<const COUNT: usize>(&mut self) -> Result<[u32; COUNT], LogonInfoError> {
        let mut numbers = [0; COUNT];
        for number in &mut numbers {
            *number = u32::from_le_bytes(self.array()?);
        }
        Ok(numbers)
    }

    /// The headers of a serialised type, little-endian, and the pointer to the structure. [MS-RPCE] 2.2.6.
    fn preamble(&mut self) -> Result<(), LogonInfoError> {
        if self.array()? != [1, 0x10, 8, 0, 0xcc, 0xcc, 0xcc, 0xcc] {
            return Err(Malformed("its headers"));
        }
        let [len, _filler, pointer] = self.numbers()?;
        if usize::try_from(len).ok() != self.all.len().checked_sub(16) || pointer == 0 {
            return Err(Malformed("its headers"));
        }
        Ok(())
    }

    fn text(&mut self) -> Result<Text, LogonInfoError> {
        let [l0, l1, r0, r1] = self.array()?;
        let [pointer] = self.numbers()?;
        Ok(Text { len: u16::from_le_bytes([l0, l1]), room: u16::from_le_bytes([r0, r1]), pointer })
    }

    fn announced(&mut self) -> Result<Announced, LogonInfoError> {
        let [count, pointer] = self.numbers()?;
        Ok(Announced { count, pointer })
    }

    /// Arrays begin at a multiple of four.
    fn align(&mut self) -> Result<(), LogonInfoError> {
        self.take(self.at.next_multiple_of(4) - self.at).map(drop)
    }

    /// Passes over a string: none is of use here.
    fn string(&mut self, Text { len, room, pointer }: Text) -> Result<(), LogonInfoError> {
        if pointer == 0 {
            return if len == 0 { Ok(()) } else { Err(Malformed("a string is announced and not there")) };
        }
        self.align()?;
        let [room_units, offset, units] = self.numbers()?;
        if !len.is_multiple_of(2)
            || units != u32::from(len / 2)
            || room_units != u32::from(room.div_ceil(2))
            || offset != 0
            || units > room_units
        {
            return Err(Malformed("the length of a string"));
        }
        self.take(usize::from(len)).map(drop)
    }

    /// The beginning of an array of as many as were announced, each at least `len_min` bytes long.
    fn count(
        &mut self,
        Announced { count, pointer }: Announced,
        len_min: usize,
    ) -> Result<usize, LogonInfoError> {
        if pointer == 0 {
            return if count == 0 { Ok(0) } else { Err(Malformed("an array is announced and not there")) };
        }
        self.align()?;
        let [there] = self.numbers()?;
        let rest = self.all.len().saturating_sub(self.at);
        let count = usize::try_from(count).ok().filter(|count| {
            u32::try_from(*count) == Ok(there) && count.checked_mul(len_min).is_some_and(|len| len <= rest)
        });
        count.ok_or(Malformed("the length of an array"))
    }

    /// `GROUP_MEMBERSHIP`s: relative identifiers and attributes. [MS-PAC] 2.2.2.
    fn relative_groups(&mut self, announced: Announced) -> Result<Vec<(u32, u32)>, LogonInfoError> {
        let count = self.count(announced, 8)?;
        (0..count).map(|_| self.numbers().map(|[relative, attributes]| (relative, attributes))).collect()
    }

    /// `KERB_SID_AND_ATTRIBUTES`. [MS-PAC] 2.2.1.
    fn extra_sids(&mut self, announced: Announced) -> Result<Vec<Membership>, LogonInfoError> {
        let count = self.count(announced, 8)?;
        let heads: Vec<[u32; 2]> = (0..count).map(|_| self.numbers()).collect::<Result<_, _>>()?;
        let membership = |[pointer, attributes]: [u32; 2]| {
            let group = self.optional_sid(pointer)?.ok_or(Malformed("a group is none"))?;
            Ok(Membership { group, attributes })
        };
        heads.into_iter().map(membership).collect()
    }

    fn optional_sid(&mut self, pointer: u32) -> Result<Option<Sid>, LogonInfoError> {
        if pointer == 0 {
            return Ok(None);
        }
        self.align()?;
        let [count] = self.numbers()?;
        let rest = self.all.get(self.at..).unwrap_or_default();
        let (sid, behind) = Sid::read_from(rest).map_err(|_| Malformed("a SID"))?;
        // Its own count stands in its second byte.
        if rest.get(1).map(|own| u32::from(*own)) != Some(count) {
            return Err(Malformed("the length of a SID"));
        }
        self.take(rest.len() - behind.len())?;
        Ok(Some(sid))
    }

    /// Nothing but what fills up to a multiple of eight.
    fn end(&self) -> Result<(), LogonInfoError> {
        let rest = self.all.get(self.at..).unwrap_or_default();
        if rest.len() < 8 && rest.iter().all(|byte| *byte == 0) {
            Ok(())
        } else {
            Err(Malformed("bytes follow it"))
        }
    }
}

#[cfg(test)]
mod tests;
