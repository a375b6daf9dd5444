//! The answer to one question, and what the log says of it. [MS-GKDI] 3.1.4.1.

use lapwing_core::{
    event::Hresult,
    types::{FileTime, Guid, Sid},
};
use lapwing_dpapi::{
    gkdi::{
        DomainNames, Share, StoredRootKey,
        grant::{self, Refusal, grant},
    },
    rpc::{Answer, isdkey::Request},
};
use lapwing_proto::ad::pac::LogonInfo;

use super::{Token, check};

/// Who asks, as Kerberos tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The name, such as `alice@EXAMPLE.COM`.
    pub(crate) principal: String,
    /// What the domain says of them, if it was vouched for with the service's key.
    pub(crate) logon_info: Option<Vec<u8>>,
}

/// The answer.
#[derive(Debug)]
pub(crate) struct Decision {
    /// What is sent.
    pub(crate) answer: Answer,
    /// What is logged.
    pub(crate) record: Record,
}

/// What the log says of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Whose ticket it was.
    pub(crate) account: Option<Sid>,
    /// Who is named by the descriptor as the one who may open.
    pub(crate) principal: Option<Sid>,
    /// The root key asked for, or that of the answer.
    pub(crate) root_key: Option<Guid>,
    /// The interval asked for, or that of the answer.
    pub(crate) interval: [i32; 3],
    /// What was given; none if nothing.
    pub(crate) given: Option<Share>,
    /// The result, zero for an answer.
    pub(crate) result: Hresult,
    /// Why nothing was given.
    pub(crate) why: Option<String>,
}

/// Decides on a question.
pub(crate) fn decide(
    keys: &[StoredRootKey],
    names: &DomainNames,
    caller: &Caller,
    request: &Request,
    now: FileTime,
) -> Decision {
    let mut record = Record {
        account: None,
        principal: None,
        root_key: request.root_key,
        interval: request.interval,
        given: None,
        result: Hresult(0),
        why: None,
    };
    let answer = match answer(keys, names, caller, request, now, &mut record) {
        Ok(answer) => answer,
        Err((result, why)) => {
            (record.result, record.why) = (result, Some(why));
            Answer::Refused(result)
        }
    };
    Decision { answer, record }
}

fn answer(
    keys: &[StoredRootKey],
    names: &DomainNames,
    caller: &Caller,
    request: &Request,
    now: FileTime,
    record: &mut Record,
) -> Result<Answer, (Hresult, String)> {
    let info = caller.logon_info.as_deref();
    let info = info.ok_or((
        Hresult::ACCESS_DENIED,
        "the ticket does not say which groups its owner is in, by the domain's word".to_owned(),
    ))?;
    let info = LogonInfo::parse(info).map_err(|error| (Hresult::ACCESS_DENIED, error.to_string()))?;
    record.account = Some(info.account.clone());
    let checked = check(&request.descriptor, &Token::new(info))
        .map_err(|error| (Hresult::INVALID_ARGUMENT, error.to_string()))?;
    record.principal = checked.principal;
    // These very bytes were weighed, and go into the key.
    let asked = grant::Request {
        descriptor: &request.descriptor,
        root_key_id: request.root_key,
        indexes: request.interval,
    };
    let refused = |refusal: Refusal| (refusal.into(), refusal.to_string());
    let envelope = grant(keys, &asked, checked.share, now, names.clone()).map_err(refused)?;
    record.root_key = Some(envelope.root_key_id());
    record.interval = envelope.interval().indexes();
    record.given = Some(if envelope.flags().is_public_key() { Share::Public } else { Share::Seed });
    Ok(Answer::Envelope(envelope.to_bytes()))
}

#[cfg(test)]
mod tests;
