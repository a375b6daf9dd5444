//! What a server's message asks for, and the answer to it, command by command.

use lapwing_core::{
    csp::{self, AtomicReply, Member, Reply},
    types::ActionId,
};
use lapwing_proto::syncml::{
    AlertCode, CmdId, Command, Format, Group, GroupKind, Item, LocUri, Meta, MsgId, Operation, Results,
    Status, StatusCode, Verb,
    chunk::{Assembly, Taken},
};

/// Something to perform before the next message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// One operation.
    Single(csp::Operation),
    /// All of these, or none.
    Atomic(Vec<Member>),
}

/// How it went: for each [`Work`] one, of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Of [`Work::Single`].
    Single(Reply),
    /// Of [`Work::Atomic`].
    Atomic(AtomicReply),
}

/// The answers that a message needs, in the order of its commands.
#[derive(Debug, Default)]
pub(super) struct Plan {
    answers: Vec<Answer>,
    work: Vec<Work>,
    /// Large objects whose end did not come.
    pub(super) broken: Vec<Item>,
}

/// The Status of one command, and its Results.
#[derive(Debug)]
struct Answer {
    command: Option<CmdId>,
    name: String,
    items: Vec<Slot>,
}

/// The outcome of one item; of a command without items, its own.
#[derive(Debug)]
struct Slot {
    target: Option<LocUri>,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Known(StatusCode),
    /// That of the work at this place.
    Work(usize),
    /// That of a member of the Atomic at this place.
    Member(usize, usize),
}

impl Plan {
    /// Whether there is nothing to answer.
    pub(super) const fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.broken.is_empty()
    }

    /// What is to be performed, in order.
    pub(super) fn take_work(&mut self) -> Vec<Work> {
        core::mem::take(&mut self.work)
    }

    /// Takes in the next command of the message.
    pub(super) fn add(&mut self, command: Command, assembly: &mut Assembly) {
        match command {
            command if command.is_answer() => {}
            Command::Operation(operation) => self.operation(operation, assembly),
            Command::Group(group) if group.kind == GroupKind::Atomic => self.atomic(group),
            // Whatever is received is performed in its order.
            Command::Group(group) => {
                self.answer(Some(group.id), group.kind.name(), StatusCode::OK);
                group.commands.into_iter().for_each(|command| self.add(command, assembly));
            }
            Command::Alert(alert) => {
                let is_known = matches!(alert.code, AlertCode::NEXT_MESSAGE | AlertCode::NO_END_OF_DATA);
                let code = if is_known { StatusCode::OK } else { StatusCode::UNSUPPORTED };
                self.answer(Some(alert.id), "Alert", code);
            }
            Command::Refused(refused) => self.answer(refused.id, &refused.name, refused.code),
            Command::Status(_) | Command::Results(_) => {}
        }
    }

    /// The Statuses, each Get's Results after its own.
    pub(super) fn replies(
        &self,
        msg_ref: MsgId,
        done: &[Done],
        mut next_id: impl FnMut() -> CmdId,
    ) -> Vec<Command> {
        let mut replies = Vec::new();
        for answer in &self.answers {
            let outcomes: Vec<_> =
                answer.items.iter().map(|slot| (slot.target.as_ref(), slot.outcome.resolve(done))).collect();
            let mut status = |code, target: Option<&LocUri>| {
                replies.push(Command::Status(Status {
                    id: next_id(),
                    msg_ref,
                    cmd_ref: answer.command.clone(),
                    cmd: answer.name.clone(),
                    targets: target.cloned().into_iter().collect(),
                    sources: Vec::new(),
                    code,
                    original_error: None,
                }));
            };
            match &outcomes[..] {
                [] => {}
                [(_, (first, _)), rest @ ..] if rest.iter().all(|(_, (code, _))| code == first) => {
                    status(*first, None);
                }
                several => several.iter().for_each(|(target, (code, _))| status(*code, *target)),
            }
            for (target, (_, value)) in outcomes {
                if let (Some(cmd_ref), Some(value)) = (&answer.command, value) {
                    let items = vec![found(target, value)];
                    replies.push(Command::Results(Results {
                        id: next_id(),
                        msg_ref,
                        cmd_ref: cmd_ref.clone(),
                        items,
                    }));
                }
            }
        }
        replies
    }

    fn answer(&mut self, command: Option<CmdId>, name: &str, code: StatusCode) {
        let items = vec![Slot { target: None, outcome: Outcome::Known(code) }];
        self.answers.push(Answer { command, name: name.to_owned(), items });
    }

    fn operation(&mut self, operation: Operation, assembly: &mut Assembly) {
        let Operation { id, verb, correlator, items } = operation;
        let mut slots = Vec::new();
        for item in items {
            if assembly.is_broken_by(&item) {
                self.broken.extend(assembly.give_up());
            }
            let target = item.target.clone();
            let outcome = match assembly.take(item) {
                Err(code) => Outcome::Known(code),
                Ok(Taken::Chunk) => Outcome::Known(StatusCode::CHUNK_ACCEPTED),
                Ok(Taken::Whole(item)) => match to_perform(verb, correlator.as_deref(), item) {
                    Err(code) => Outcome::Known(code),
                    Ok(operation) => {
                        self.work.push(Work::Single(operation));
                        Outcome::Work(self.work.len() - 1)
                    }
                },
            };
            slots.push(Slot { target, outcome });
        }
        self.answers.push(Answer { command: Some(id), name: verb.name().to_owned(), items: slots });
    }

    /// A large object and a part that is refused make the whole fail before any of it is performed. So does a group
    /// inside, once the tree sees it. "OMA DM protocol support", Atomic.
    fn atomic(&mut self, group: Group) {
        let place = self.work.len();
        let is_whole = group.commands.iter().all(can_be_member);
        let own = if is_whole { Outcome::Work(place) } else { Outcome::Known(StatusCode::ATOMIC_FAILED) };
        self.answers.push(Answer {
            command: Some(group.id),
            name: group.kind.name().to_owned(),
            items: vec![Slot { target: None, outcome: own }],
        });
        let mut members = Vec::new();
        for command in group.commands.into_iter().filter(|command| !command.is_answer()) {
            let mut slot = |target: Option<LocUri>, member: Result<Member, StatusCode>| {
                let outcome = match member {
                    Err(code) => Outcome::Known(code),
                    Ok(_) if !is_whole => Outcome::Known(StatusCode::NOT_EXECUTED),
                    Ok(member) => {
                        members.push(member);
                        Outcome::Member(place, members.len() - 1)
                    }
                };
                Slot { target, outcome }
            };
            match command {
                Command::Operation(Operation { id, verb, correlator, items }) => {
                    let items = items.into_iter().map(|item| {
                        let target = item.target.clone();
                        slot(target, to_perform(verb, correlator.as_deref(), item).map(Member::Operation))
                    });
                    let items = items.collect();
                    self.answers.push(Answer { command: Some(id), name: verb.name().to_owned(), items });
                }
                Command::Group(inner) => {
                    let items = vec![slot(None, Ok(Member::Atomic))];
                    self.answers.push(Answer {
                        command: Some(inner.id),
                        name: inner.kind.name().to_owned(),
                        items,
                    });
                    self.not_executed(inner.commands);
                }
                Command::Alert(alert) => self.answer(Some(alert.id), "Alert", StatusCode::UNSUPPORTED),
                Command::Refused(refused) => self.answer(refused.id, &refused.name, refused.code),
                Command::Status(_) | Command::Results(_) => {}
            }
        }
        if is_whole {
            self.work.push(Work::Atomic(members));
        }
    }

    fn not_executed(&mut self, commands: Vec<Command>) {
        for command in commands.into_iter().filter(|command| !command.is_answer()) {
            self.answer(command.id().cloned(), command.name(), StatusCode::NOT_EXECUTED);
            if let Command::Group(inner) = command {
                self.not_executed(inner.commands);
            }
        }
    }
}

impl Outcome {
    /// What nobody has answered for has failed.
    fn resolve<'a>(&self, done: &'a [Done]) -> (StatusCode, Option<&'a csp::Value>) {
        let found = match *self {
            Self::Known(code) => return (code, None),
            Self::Work(place) => done.get(place).map(|done| match done {
                Done::Single(Reply { status, value }) => (*status, value.as_ref()),
                Done::Atomic(AtomicReply { status, .. }) => (*status, None),
            }),
            Self::Member(place, member) => done.get(place).and_then(|done| match done {
                Done::Atomic(AtomicReply { members, .. }) => Some((*members.get(member)?, None)),
                Done::Single(_) => None,
            }),
        };
        found.map_or((StatusCode::FAILED, None), |(status, value)| (StatusCode(status.0), value))
    }
}

fn can_be_member(command: &Command) -> bool {
    match command {
        Command::Status(_) | Command::Results(_) | Command::Group(_) => true,
        Command::Operation(operation) => {
            operation.items.iter().all(|item| item.target.is_some() && !item.more_data)
        }
        Command::Alert(_) => false,
        Command::Refused(_) => command.is_answer(),
    }
}

fn to_perform(verb: Verb, correlator: Option<&str>, item: Item) -> Result<csp::Operation, StatusCode> {
    if item.more_data {
        return Err(StatusCode::UNSUPPORTED);
    }
    // A name that is not one of ours is no reason not to do it.
    let action = correlator.and_then(|text| text.parse().ok()).map(|ActionId(guid)| guid);
    Ok(csp::Operation {
        verb: match verb {
            Verb::Add => csp::Verb::Add,
            Verb::Delete => csp::Verb::Delete,
            Verb::Exec => csp::Verb::Exec,
            Verb::Get => csp::Verb::Get,
            Verb::Replace => csp::Verb::Replace,
        },
        uri: item.target.ok_or(StatusCode::INCOMPLETE)?.to_string(),
        format: item.meta.format.map(|format| csp::Format::of_name(format.name())),
        data: item.data,
        correlator: action,
    })
}

fn found(source: Option<&LocUri>, value: &csp::Value) -> Item {
    let meta = Meta { format: Format::of_name(value.format.name()), ..Meta::default() };
    Item { source: source.cloned(), meta, data: Some(value.data.clone()), ..Item::default() }
}
