//! The account that Lapwing owns whole.

use super::*;

const OWN: Uid = Uid(990);

fn name(text: &str) -> AccountName {
    text.parse().unwrap()
}

fn own_plan(enabled: bool) -> Verdict {
    let own =
        OwnPlan { name: AutomaticName::truncating("lw-", Naming::RandomSuffix).unwrap(), enabled, uid: None };
    Verdict::Managed(Plan { account: None, own: Some(own), ..plan() })
}

pub(super) fn own_failure(fault: Fault) -> RootHalfFailure {
    RootHalfFailure { fault: Some(fault), message: "no".to_owned(), next_step: "do".to_owned() }
}

impl World {
    /// A world in which the account of Lapwing's own has its first password.
    fn owning() -> Self {
        let mut world = Self::new();
        world.verdict = own_plan(false);
        world.next_name = Some(name("lw-000001"));
        world.run();
        assert_eq!(world.in_force(), Some(version(1)));
        world
    }

    /// What the root half does when it is asked for the account.
    pub(super) fn ensure(
        &mut self,
        named: &AutomaticName,
        enabled: bool,
    ) -> Result<Ensured, RootHalfFailure> {
        if let Some(fault) = self.own_fault {
            return Err(own_failure(fault));
        }
        let before = self.journal.own.take();
        let account = before.as_ref().map_or_else(|| name("lw-000001"), |own| own.account.clone());
        let in_force = self.journal.current.as_ref().filter(|current| current.uid == OWN);
        let account = in_force.map_or(account, |current| current.account.clone());
        assert!(named.fits(&account));
        let wrong = Vec::new();
        self.journal.own = Some(Box::new(OwnAccount { account: account.clone(), uid: OWN, enabled, wrong }));
        Ok(Ensured {
            account,
            uid: OWN,
            is_new: before.is_none(),
            switched: before.is_some_and(|own| own.enabled != enabled),
            repaired: core::mem::take(&mut self.changed),
        })
    }

    /// Somebody changes the account, and the agent hears of it.
    fn meddled(&mut self, attributes: &[Attribute]) {
        self.changed = attributes.to_vec();
        if let Some(own) = &mut self.journal.own {
            own.wrong = attributes.to_vec();
        }
        if attributes.contains(&Attribute::Existence) {
            self.journal.field = Field::Missing;
        }
        self.input(Input::AccountChanged);
    }

    fn raised_count(&self, id: EventId) -> usize {
        self.events.iter().filter(|event| event.id() == id).count()
    }
}

#[test]
fn the_account_is_made_before_its_password_and_told_disabled() {
    let world = World::owning();
    assert_eq!(world.done, ["ensure", "prepare", "store", "commit"]);
    assert!(world.events.iter().any(|event| matches!(
        event,
        Event::OwnAccountCreated { account, enabled: false, .. } if account.as_str() == "lw-000001"
    )));
    let report = world.machine.report();
    assert!(report.summary.contains("disabled"), "{}", report.summary);
    assert!(report.next_step.unwrap().contains("AutomaticAccountManagementEnableAccount"));
}

#[test]
fn a_random_name_is_no_reason_to_change_the_password_and_each_change_brings_a_new_one() {
    let mut world = World::owning().forget_the_past();
    world.next_name = Some(name("lw-000002"));
    world.input(Input::Request(RequestId(1), Request::ProcessPolicy));
    assert_eq!(world.done, ["ensure"]);
    world.input(Input::Request(RequestId(2), Request::ResetPassword));
    assert_eq!(world.journal.current.as_ref().unwrap().account, name("lw-000002"));
    let renamed = Event::AccountRenamed {
        old_name: name("lw-000001"),
        new_name: name("lw-000002"),
        sid: Sid::unix_user(OWN),
    };
    assert!(world.events.contains(&renamed), "{:?}", world.events);
    world.done.clear();
    world.input(Input::Request(RequestId(3), Request::ProcessPolicy));
    assert_eq!(world.done, ["ensure"]);
}

#[test]
fn another_prefix_is_a_reason_to_change_the_password() {
    let plan = |text: &str| {
        let mut plan = plan();
        let naming = AutomaticName::truncating(text, Naming::RandomSuffix).unwrap();
        plan.own = Some(OwnPlan { name: naming, enabled: true, uid: None });
        plan.adopt(name("lw-000001"), OWN);
        plan
    };
    let table = [
        ("lw-", "lw-000001", OWN, true),
        ("lw-", "lw-00001", OWN, false),
        ("lw-", "lw-00000a", OWN, false),
        ("lw-", "lw-000001", Uid(991), false),
        ("adm", "lw-000001", OWN, false),
        ("lw", "lw-000001", OWN, false),
    ];
    for (prefix, account, uid, is_for) in table {
        assert_eq!(plan(prefix).is_for(&name(account), uid), is_for, "{prefix} {account} {uid}");
    }
}

#[test]
fn enabling_and_disabling_are_told_as_windows_does() {
    let mut world = World::owning().forget_the_past();
    for (enabled, event) in [(true, EventId::AccountEnabled), (false, EventId::AccountWasDisabled)] {
        world.verdict = own_plan(enabled);
        world.input(Input::PolicyChanged);
        assert_eq!(world.raised_count(event), 1);
    }
    assert_eq!(world.in_force(), Some(version(1)));
    world.own_fault = Some(Fault::FileLocked);
    world.verdict = own_plan(true);
    world.input(Input::PolicyChanged);
    assert_eq!(world.raised_count(EventId::AccountEnableFailed), 1);
}

#[test]
fn what_somebody_changed_is_put_back_at_once_and_needs_no_new_password() {
    let mut world = World::owning().forget_the_past();
    world.meddled(&[Attribute::Shell, Attribute::Membership]);
    assert_eq!(world.done, ["ensure"]);
    assert!(world.events.iter().any(|event| matches!(
        event,
        Event::OwnAccountRepaired { attributes, .. } if attributes == "shell, group membership"
    )));
    world.input(Input::AccountChanged);
    assert_eq!(world.done, ["ensure"]);
}

#[test]
fn one_that_was_deleted_is_made_again_and_gets_a_new_password() {
    let mut world = World::owning().forget_the_past();
    world.meddled(&[Attribute::Existence]);
    assert_eq!(world.done, ["ensure", "prepare", "store", "commit"]);
    assert_eq!(world.raised_count(EventId::OwnAccountRepaired), 1);
}

#[test]
fn a_fight_over_attributes_ends_like_one_over_the_password() {
    let mut world = World::owning().forget_the_past();
    for _ in 0..HEALS_MAX {
        world.meddled(&[Attribute::Shell]);
    }
    assert_eq!(
        (world.raised_count(EventId::OwnAccountRepaired), world.raised_count(EventId::AccountContested)),
        (6, 0)
    );
    world.done.clear();
    world.meddled(&[Attribute::Shell]);
    world.meddled(&[Attribute::Shell]);
    assert!(world.done.is_empty(), "{:?}", world.done);
    assert_eq!(world.raised_count(EventId::AccountContested), 1);
    // The password is changed all the same.
    world.input(Input::Request(RequestId(1), Request::ResetPassword));
    assert_eq!(world.done, ["prepare", "store", "commit"]);
}

#[test]
fn the_former_account_goes_after_the_commit_of_the_next_and_not_before() {
    let mut world = World::owning().forget_the_past();
    world.verdict = Verdict::Managed(plan());
    world.next_name = None;
    world.reachable = false;
    world.input(Input::PolicyChanged);
    assert!(world.journal.own.is_some() && !world.done.contains(&"drop"));
    world.reachable = true;
    world.pass(MINUTE);
    assert_eq!(world.journal.current.as_ref().unwrap().account, name("lapadmin"));
    assert_eq!(world.done.last(), Some(&"drop"));
    assert!(world.done.ends_with(&["prepare", "store", "commit", "drop"]), "{:?}", world.done);
    assert_eq!(world.raised_count(EventId::FormerAccountDeleted), 1);
}

#[test]
fn it_goes_when_policy_says_that_nothing_is_managed_and_stays_when_no_policy_is_seen() {
    let mut world = World::owning().forget_the_past();
    world.verdict = Verdict::Unconfigured;
    world.input(Input::PolicyChanged);
    assert!(world.done.is_empty() && world.journal.own.is_some());
    world.verdict = Verdict::Disabled;
    world.own_fault = Some(Fault::FileLocked);
    world.input(Input::PolicyChanged);
    assert_eq!(world.raised_count(EventId::FormerAccountDeleteFailed), 1);
    world.own_fault = None;
    world.pass(MINUTE);
    assert_eq!((world.raised_count(EventId::FormerAccountDeleted), world.journal.own.is_none()), (1, true));
}

#[test]
fn an_account_of_somebody_elses_is_told_and_waited_for() {
    let mut world = World::new();
    world.verdict = own_plan(true);
    world.own_fault = Some(Fault::AccountNotOurs);
    world.run();
    assert_eq!(world.done, ["ensure"]);
    assert_eq!(world.raised_count(EventId::ChangeRefused), 1);
    assert!(world.machine.poll_timeout().is_some());
}
