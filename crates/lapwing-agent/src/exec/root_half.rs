//! Asks the root half: one verb per connection, one answer, within a deadline.

use core::time::Duration;
use std::{
    io::{self, IoSliceMut},
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::PathBuf,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_client::identity::Root;
use lapwing_core::{
    agent::{
        ClosedAccount, Committed, Dropped, Ensured, Entry, Field, Journal, OwnAccount, Plan, Prepared,
        Receipt, RootHalfFailure,
    },
    local::{
        FRAME_END, FRAME_LEN_MAX,
        root_half::{self as wire, Refusal, Request},
    },
    policy::{AutomaticName, Naming},
    secret::{Password, SecretBytes},
    sessions::{EndStep, UseEnded},
    types::{
        AccountName, AccountNameError, DirectoryId, DirectoryIdError, EncryptedTo, FileTimeError, GuidError,
        PasswordVersion, RecordId, Replica, ReplicaError, RunId, Sid, SidError, Uid, WallTime,
    },
};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncWriteExt as _, Interest},
    net::UnixStream,
};
use zeroize::Zeroizing;

/// The longest that a verb may take: a lock waited for, several candidates hashed and tried on the host's rules.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(120);
/// Room for any request of ours, in bytes, so that its buffer never grows: growing would leave copies of a group key.
const REQUEST_LEN_USUAL: usize = 16 * 1024;

/// What the root half gave to store.
pub(super) enum Material {
    /// Sealed to the directory's pinned key.
    Sealed(Vec<u8>),
    /// Clear text, for a directory that takes no ciphertext.
    Clear(Password),
}

impl core::fmt::Debug for Material {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Sealed(_) => "Sealed(..)",
            Self::Clear(_) => "Clear(redacted)",
        })
    }
}

/// The root half, as this run of `lapwingd` sees it.
#[derive(Debug)]
pub(super) struct RootHalf {
    socket: PathBuf,
    run: RunId,
}

/// Why an answer is not what the protocol says.
#[derive(Debug, thiserror::Error)]
enum AnswerError {
    #[error("the root half cannot be reached at {}", path.display())]
    Unreachable { path: PathBuf, source: io::Error },
    #[error("the root half ended before it answered")]
    Ended(#[source] io::Error),
    #[error("the root half did not answer within {ANSWER_TIME_MAX:?}")]
    TimedOut,
    #[error("the root half's answer is longer than {FRAME_LEN_MAX} bytes")]
    TooLong,
    #[error("the root half's answer is malformed")]
    Malformed(#[from] serde_json::Error),
    #[error("a GUID in the root half's answer is malformed")]
    Guid(#[from] GuidError),
    #[error("an account name in the root half's answer is malformed")]
    Account(#[from] AccountNameError),
    #[error("a time in the root half's answer is malformed")]
    Time(#[from] FileTimeError),
    #[error("a directory in the root half's answer is malformed")]
    Directory(#[from] DirectoryIdError),
    #[error("a replica in the root half's answer is malformed")]
    Replica(#[from] ReplicaError),
    #[error("a SID in the root half's answer is malformed")]
    Sid(#[from] SidError),
    #[error("the root half passed no descriptor")]
    NothingPassed,
    #[error("a seal in the root half's answer is malformed")]
    Seal(#[from] base64::DecodeError),
}

impl AnswerError {
    const fn next_step(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "start it: systemctl start lapwing-priv.socket",
            Self::Ended(_) | Self::TimedOut => "look into its log: journalctl -t lapwingd-priv",
            Self::TooLong
            | Self::Malformed(_)
            | Self::Guid(_)
            | Self::Account(_)
            | Self::Time(_)
            | Self::Directory(_)
            | Self::Replica(_)
            | Self::NothingPassed
            | Self::Seal(_)
            | Self::Sid(_) => "install lapwingd and lapwingd-priv of the same version",
        }
    }
}

/// An answer on the wire: parameters, or an error with some.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Refused(Refusal),
    Done { parameters: T },
}

impl RootHalf {
    pub(super) fn new(root: &Root, run: RunId) -> Self {
        Self { socket: root.path(wire::SOCKET_PATH.trim_start_matches('/')), run }
    }

    fn in_run(&self) -> wire::InRun {
        wire::InRun { run: self.run.to_string() }
    }

    fn of_version(&self, version: PasswordVersion) -> wire::OfVersion {
        wire::OfVersion { run: self.run.to_string(), version: version.to_string() }
    }

    pub(super) async fn journal(&self, begin: bool) -> Result<Journal, RootHalfFailure> {
        let request = if begin { Request::Begin(self.in_run()) } else { Request::State(self.in_run()) };
        self.ask(&request, journal).await
    }

    pub(super) async fn prepare(
        &self,
        plan: &Plan,
        directory: &DirectoryId,
        record: &RecordId,
        expiry: WallTime,
        encrypt: Option<(Sid, SecretBytes)>,
    ) -> Result<(Prepared, Material), RootHalfFailure> {
        let request = Request::Prepare(wire::Prepare {
            run: self.run.to_string(),
            account: plan.account.as_ref().map(ToString::to_string),
            directory: directory.to_string(),
            record: record.to_string(),
            expiry: expiry.0.to_string(),
            rules: wire::Rules {
                password_complexity: plan.rules.complexity.number(),
                // The policy's ranges end far below 256; a value beyond would be refused as malformed.
                password_length: u8::try_from(plan.rules.password_length.characters()).unwrap_or(u8::MAX),
                passphrase_length: u8::try_from(plan.rules.passphrase_length.words()).unwrap_or(u8::MAX),
                passphrase_word_list: plan.rules.word_list.as_ref().map(|list| list.as_str().to_owned()),
            },
            encrypt: encrypt.map(|(to, group_key)| wire::Encrypt {
                to: to.to_string(),
                group_key: wire::SecretText(Zeroizing::new(STANDARD.encode(group_key.expose_secret()))),
            }),
        });
        self.ask(&request, prepared).await
    }

    pub(super) async fn fetch_seal(
        &self,
        version: PasswordVersion,
    ) -> Result<(Prepared, Material), RootHalfFailure> {
        self.ask(&Request::Ciphertext(self.of_version(version)), prepared).await
    }

    pub(super) async fn count_send(
        &self,
        version: PasswordVersion,
        to: Option<&Replica>,
    ) -> Result<u32, RootHalfFailure> {
        let request = Request::CountSend(wire::CountSend {
            run: self.run.to_string(),
            version: version.to_string(),
            to: to.map(ToString::to_string),
        });
        self.ask(&request, |counted: wire::Counted| Ok(counted.unanswered)).await
    }

    pub(super) async fn uncount_send(&self, version: PasswordVersion) -> Result<u32, RootHalfFailure> {
        self.ask(
            &Request::Answered(self.of_version(version)),
            |counted: wire::Counted| Ok(counted.unanswered),
        )
        .await
    }

    pub(super) async fn commit(
        &self,
        version: PasswordVersion,
        receipt: Option<&Receipt>,
        by: Option<&Replica>,
    ) -> Result<Committed, RootHalfFailure> {
        let request = Request::Commit(wire::Commit {
            run: self.run.to_string(),
            version: version.to_string(),
            receipt: receipt.map(|receipt| STANDARD.encode(&receipt.0)),
            by: by.map(ToString::to_string),
        });
        self.ask(&request, committed).await
    }

    pub(super) async fn reinstate(&self, version: PasswordVersion) -> Result<Committed, RootHalfFailure> {
        self.ask(&Request::Reinstate(self.of_version(version)), committed).await
    }

    /// The account that Lapwing owns, made or put right.
    pub(super) async fn ensure_account(
        &self,
        name: &AutomaticName,
        enabled: bool,
    ) -> Result<Ensured, RootHalfFailure> {
        let request = wire::EnsureAccount {
            run: self.run.to_string(),
            name_or_prefix: name.base().to_string(),
            random_suffix: name.naming() == Naming::RandomSuffix,
            enabled,
        };
        self.ask(&Request::EnsureAccount(request), ensured).await
    }

    pub(super) async fn drop_account(&self) -> Result<Dropped, RootHalfFailure> {
        self.ask(&Request::DropAccount(self.in_run()), dropped).await
    }

    /// One step of ending the use of an account.
    pub(super) async fn end_use(
        &self,
        step: EndStep,
        account: &AccountName,
        uid: Uid,
    ) -> Result<UseEnded, RootHalfFailure> {
        let run = self.run.to_string();
        let request = wire::EndUse { run, account: account.to_string(), uid: uid.0, step };
        self.ask(&Request::EndUse(request), Ok).await
    }

    /// The machine's keytab, in a file in memory that nobody changes any more.
    pub(super) async fn keytab(&self) -> Result<OwnedFd, RootHalfFailure> {
        let mut passed = None;
        let request = Request::Keytab(self.in_run());
        self.ask_for(&request, &mut passed, |_: wire::Keytab| Ok(())).await?;
        passed.ok_or_else(|| failure(&AnswerError::NothingPassed))
    }

    /// One verb: the answer parsed, or why there is none.
    async fn ask<W: DeserializeOwned, T>(
        &self,
        request: &Request,
        parse: impl FnOnce(W) -> Result<T, AnswerError>,
    ) -> Result<T, RootHalfFailure> {
        self.ask_for(request, &mut None, parse).await
    }

    /// The same, with the descriptor that comes with the answer, if one does.
    async fn ask_for<W: DeserializeOwned, T>(
        &self,
        request: &Request,
        passed: &mut Option<OwnedFd>,
        parse: impl FnOnce(W) -> Result<T, AnswerError>,
    ) -> Result<T, RootHalfFailure> {
        let answer = match tokio::time::timeout(ANSWER_TIME_MAX, self.exchange(request, passed)).await {
            Ok(Ok(frame)) => serde_json::from_slice::<Answer<W>>(&frame).map_err(AnswerError::from),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(AnswerError::TimedOut),
        };
        match answer {
            Ok(Answer::Refused(Refusal::Refused { fault, message, next_step })) => {
                Err(RootHalfFailure { fault: Some(fault), message, next_step })
            }
            Ok(Answer::Done { parameters }) => parse(parameters).map_err(|error| failure(&error)),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Sends one frame and reads one, in buffers that never grow: growing would leave copies of a password.
    async fn exchange(
        &self,
        request: &Request,
        passed: &mut Option<OwnedFd>,
    ) -> Result<Zeroizing<Vec<u8>>, AnswerError> {
        let mut stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|source| AnswerError::Unreachable { path: self.socket.clone(), source })?;
        let mut frame = Zeroizing::new(Vec::with_capacity(REQUEST_LEN_USUAL));
        serde_json::to_writer(&mut *frame, request)?;
        frame.push(FRAME_END);
        stream.write_all(&frame).await.map_err(AnswerError::Ended)?;
        let mut answer = Zeroizing::new(vec![0; FRAME_LEN_MAX]);
        let mut len = 0;
        loop {
            let Some(room) = answer.get_mut(len..).filter(|room| !room.is_empty()) else {
                return Err(AnswerError::TooLong);
            };
            let receive = stream.async_io(Interest::READABLE, || receive(&stream, room, passed));
            let count = receive.await.map_err(AnswerError::Ended)?;
            if count == 0 {
                return Err(AnswerError::Ended(io::ErrorKind::UnexpectedEof.into()));
            }
            len += count;
            if answer.get(len - 1) == Some(&FRAME_END) {
                answer.truncate(len - 1);
                return Ok(answer);
            }
        }
    }
}

/// Reads what has come, with a descriptor that came along. unix(7), `SCM_RIGHTS`.
fn receive(stream: &UnixStream, room: &mut [u8], passed: &mut Option<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(stream, &mut [IoSliceMut::new(room)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            *passed = descriptors.last().or(passed.take());
        }
    }
    Ok(received.bytes)
}

/// The key that a password was to be encrypted with has been forgotten meanwhile.
pub(super) fn keyless() -> RootHalfFailure {
    RootHalfFailure {
        fault: None,
        message: "the key to encrypt the password with has been forgotten meanwhile".to_owned(),
        next_step: "nothing: the cycle starts over".to_owned(),
    }
}

fn failure(error: &AnswerError) -> RootHalfFailure {
    RootHalfFailure { fault: None, message: super::chain(error), next_step: error.next_step().to_owned() }
}

fn entry(entry: wire::Entry) -> Result<Entry, AnswerError> {
    Ok(Entry {
        version: entry.version.parse()?,
        account: entry.account.parse()?,
        uid: Uid(entry.uid),
        directory: entry.directory.parse()?,
        record: RecordId(entry.record),
        expiry: WallTime(entry.expiry.parse()?),
        prepared: WallTime(entry.prepared.parse()?),
        recorded: entry.recorded,
        sealed: entry.sealed,
        encrypted_to: entry.encrypted_to.map(encrypted_to).transpose()?,
        acknowledged_by: entry.acknowledged_by.map(|replica| replica.parse()).transpose()?,
    })
}

fn encrypted_to(encrypted_to: wire::EncryptedTo) -> Result<EncryptedTo, AnswerError> {
    let wire::EncryptedTo { principal, updated } = encrypted_to;
    Ok(EncryptedTo { principal: principal.parse()?, updated: updated.parse()? })
}

fn journal(journal: wire::Journal) -> Result<Journal, AnswerError> {
    Ok(Journal {
        current: journal.current.map(entry).transpose()?,
        candidates: journal.candidates.into_iter().map(entry).collect::<Result<_, _>>()?,
        replaced: journal.replaced.iter().map(|version| version.parse()).collect::<Result<_, _>>()?,
        unanswered: journal.unanswered,
        field: match journal.field {
            wire::Field::Unmanaged => Field::Unmanaged,
            wire::Field::Current => Field::Current,
            wire::Field::Locked => Field::Locked,
            wire::Field::Candidate => Field::Candidate,
            wire::Field::Drifted => Field::Drifted,
            wire::Field::Emptied => Field::Emptied,
            wire::Field::Missing => Field::Missing,
        },
        possible_clone: journal.possible_clone.map(Box::new),
        closed: journal.closed.map(closed).transpose()?.map(Box::new),
        own: journal.own.map(own).transpose()?.map(Box::new),
        not_normal: journal.not_normal.map(Box::new),
    })
}

fn own(own: wire::OwnAccount) -> Result<OwnAccount, AnswerError> {
    let wire::OwnAccount { account, uid, enabled, wrong } = own;
    Ok(OwnAccount { account: account.parse()?, uid: Uid(uid), enabled, wrong })
}

fn closed(closed: wire::ClosedAccount) -> Result<ClosedAccount, AnswerError> {
    let wire::ClosedAccount { account, uid } = closed;
    Ok(ClosedAccount { account: account.parse()?, uid: Uid(uid) })
}

fn ensured(ensured: wire::Ensured) -> Result<Ensured, AnswerError> {
    let wire::Ensured { account, uid, is_new, switched, repaired } = ensured;
    Ok(Ensured { account: account.parse()?, uid: Uid(uid), is_new, switched, repaired })
}

fn dropped(dropped: wire::Dropped) -> Result<Dropped, AnswerError> {
    let former =
        dropped.former.map(|former| Ok::<_, AnswerError>((former.account.parse()?, Uid(former.uid))));
    Ok(Dropped { former: former.transpose()? })
}

fn prepared(prepared: wire::Prepared) -> Result<(Prepared, Material), AnswerError> {
    let material = match prepared.material {
        wire::Material::Sealed(text) => Material::Sealed(STANDARD.decode(text)?),
        wire::Material::Clear(mut text) => Material::Clear(Password::new(core::mem::take(&mut *text.0))),
    };
    let prepared = Prepared {
        version: prepared.version.parse()?,
        account: prepared.account.parse()?,
        uid: Uid(prepared.uid),
        expiry: WallTime(prepared.expiry.parse()?),
        sealed: matches!(material, Material::Sealed(_)),
        warning: prepared.warning,
    };
    Ok((prepared, material))
}

fn committed(committed: wire::Committed) -> Result<Committed, AnswerError> {
    Ok(Committed {
        version: committed.version.parse()?,
        account: committed.account.parse()?,
        uid: Uid(committed.uid),
    })
}
