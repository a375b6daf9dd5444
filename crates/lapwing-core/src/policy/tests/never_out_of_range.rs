use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

fn any_value() -> impl Strategy<Value = RawValue> {
    prop_oneof![
        4 => (-2_i64..70).prop_map(RawValue::Integer),
        1 => any::<i64>().prop_map(RawValue::Integer),
        1 => any::<bool>().prop_map(RawValue::Boolean),
        2 => any::<String>().prop_map(RawValue::Text),
        1 => Just(RawValue::Foreign("REG_BINARY")),
        1 => select(vec!["", "lapadmin", "CORP\\Readers", "S-1-5-18", "birds"]).prop_map(words),
    ]
}

fn any_name() -> impl Strategy<Value = String> {
    let known = |root: PolicyRoot| Setting::ALL.iter().filter_map(move |setting| root.name_of(*setting));
    let names: Vec<&str> = known(PolicyRoot::Local).chain(known(PolicyRoot::Legacy)).collect();
    prop_oneof![9 => select(names).prop_map(str::to_owned), 1 => any::<String>()]
}

fn any_source() -> impl Strategy<Value = RawPolicy> {
    let entry = (any_name(), any_value()).prop_map(|(name, value)| RawEntry {
        name,
        value,
        origin: "somewhere".to_owned(),
    });
    // Half of the policies manage something, whatever else they say.
    let root = select(PolicyRoot::ALL.to_vec());
    (root, vec(entry, 0..24), proptest::option::of(1_i64..=2)).prop_map(|(root, mut entries, directory)| {
        if let (Some(directory), Some(name)) = (directory, root.name_of(Setting::BackupDirectory)) {
            entries.push(RawEntry { name: name.to_owned(), value: number(directory), origin: String::new() });
        }
        RawPolicy { root, entries }
    })
}

fn any_context() -> impl Strategy<Value = PolicyContext> {
    (select(vec![HostRole::Member, HostRole::DomainController]), proptest::option::of(1_i64..=365)).prop_map(
        |(role, minimum)| PolicyContext {
            role,
            announced_age_min: minimum.map(|days| PasswordAgeDays::parse(days).unwrap()),
        },
    )
}

proptest! {
    #[test]
    fn any_input_gives_a_supported_policy_and_accounts_for_every_value(
        sources in vec(any_source(), 0..5),
        context in any_context(),
    ) {
        let resolution = resolve(&sources, &context);

        let given: usize = sources.iter().map(|source| source.entries.len()).sum();
        let seen: usize = resolution.explanations.iter().map(|explanation| explanation.seen.len()).sum();
        prop_assert_eq!(given, seen + resolution.unknown.len());
        prop_assert!(resolution.explanations.iter().map(|e| e.setting).eq(Setting::ALL.iter().copied()));

        for explanation in &resolution.explanations {
            let in_force: Vec<_> = explanation.seen.iter().filter(|s| s.verdict == Verdict::InForce).collect();
            prop_assert!(in_force.len() <= 1);
            prop_assert!(in_force.iter().all(|seen| Some(seen.root) == resolution.winner));
            if explanation.source == ValueSource::Configured {
                prop_assert_eq!(in_force.len(), 1, "{:?}", explanation);
            }
            if let (Some(text), Kind::Integer { allowed, .. }) =
                (&explanation.effective, explanation.setting.kind())
            {
                prop_assert!(allowed.contains(text.parse().unwrap()), "{:?}", explanation);
            }
        }
        if let EffectivePolicy::Managed(policy) = &resolution.policy {
            prop_assert!((1..=365).contains(&policy.age.days()));
            if policy.target == BackupTarget::Cloud {
                let minimum = context.announced_age_min.map_or(7, |days| days.days().min(7));
                prop_assert!(policy.age.days() >= minimum);
            }
            prop_assert!((8..=64).contains(&policy.password_length.characters()));
            prop_assert!((3..=10).contains(&policy.passphrase_length.words()));
            prop_assert!(policy.activation_grace <= Duration::from_hours(24));
            if let Some(post) = policy.post_authentication {
                prop_assert!(!post.delay.is_zero() && post.delay <= Duration::from_hours(24));
            }
            if let Ok(AccountChoice::Automatic(account)) = &policy.account {
                prop_assert!(account.name.base().as_str().chars().count() <= account.name.naming().chars_max());
            }
        }
    }

    #[test]
    fn the_order_in_which_roots_are_given_does_not_matter(sources in vec(any_source(), 2..5)) {
        let mut sorted = sources.clone();
        sorted.sort_by_key(|source| source.root);
        let given = resolve(&sources, &MEMBER);
        let in_order = resolve(&sorted, &MEMBER);
        prop_assert_eq!(given.policy, in_order.policy);
        prop_assert_eq!(given.explanations, in_order.explanations);
    }
}
