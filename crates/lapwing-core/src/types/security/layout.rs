//! The parts of a descriptor where they lie: their order and what is between them is for whoever wrote it to choose.

use super::{Acl, DACL_PRESENT, DescriptorError, HEADER_LEN, SACL_PRESENT};
use crate::types::Sid;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// What no offset points at.
    Gap(Vec<u8>),
    /// Owner and group may be one and the same.
    Sid {
        sid: Sid,
        is_owner: bool,
        is_group: bool,
    },
    Sacl(Acl),
    Dacl(Acl),
}

#[derive(Clone, Copy)]
pub(super) enum Part {
    Owner,
    Group,
    Sacl,
    Dacl,
}

impl Part {
    pub(super) const fn may_be_present(self, control: u16) -> bool {
        match self {
            Self::Owner | Self::Group => true,
            Self::Sacl => control & SACL_PRESENT != 0,
            Self::Dacl => control & DACL_PRESENT != 0,
        }
    }

    pub(super) fn read(self, bytes: &[u8]) -> Result<Segment, DescriptorError> {
        let sid = || {
            Sid::read_from(bytes)
                .map(|(sid, _)| sid)
                .map_err(|_| DescriptorError::Malformed("its owner or group is no SID"))
        };
        Ok(match self {
            Self::Owner => Segment::Sid { sid: sid()?, is_owner: true, is_group: false },
            Self::Group => Segment::Sid { sid: sid()?, is_owner: false, is_group: true },
            Self::Sacl => Segment::Sacl(Acl::read(bytes)?),
            Self::Dacl => Segment::Dacl(Acl::read(bytes)?),
        })
    }
}

impl Segment {
    fn len(&self) -> usize {
        match self {
            Self::Gap(bytes) => bytes.len(),
            Self::Sid { sid, .. } => sid.to_bytes().len(),
            Self::Sacl(acl) | Self::Dacl(acl) => acl.len(),
        }
    }
}

/// The parts by their place, with what lies between them.
pub(super) fn in_order(
    bytes: &[u8],
    mut spans: Vec<(usize, Segment)>,
) -> Result<Vec<Segment>, DescriptorError> {
    // Stable, so that an owner comes before a group at the same place.
    spans.sort_by_key(|(start, _)| *start);
    let mut segments: Vec<Segment> = Vec::with_capacity(spans.len());
    let (mut end, mut last_start) = (HEADER_LEN, 0);
    for (start, segment) in spans {
        if start == last_start
            && let (Some(Segment::Sid { is_group, .. }), Segment::Sid { .. }) =
                (segments.last_mut(), &segment)
        {
            *is_group = true;
            continue;
        }
        let gap = bytes.get(end..start).ok_or(DescriptorError::Malformed("its parts overlap"))?;
        if !gap.is_empty() {
            segments.push(Segment::Gap(gap.to_vec()));
        }
        (end, last_start) = (start + segment.len(), start);
        segments.push(segment);
    }
    let rest = bytes.get(end..).unwrap_or_default();
    if !rest.is_empty() {
        segments.push(Segment::Gap(rest.to_vec()));
    }
    Ok(segments)
}
