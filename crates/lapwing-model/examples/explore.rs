//! Explores a model, beyond the bounds of the tests or with a mistake in it:
//! `explore DIRECTORY PASSWORDS [DUPLICATES [MISTAKE]]`, the names as in `Kind` and `Mutant`.

use core::fmt::Debug;
use std::time::Instant;

use lapwing_model::{Kind, Model, Mutant};

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse().ok());
    let kinds = Kind::ALL.into_iter();
    let mutants = Mutant::ALL.into_iter().map(|(mutant, _)| mutant);
    let (Some(kind), Some(drawn_max)) = (named(kinds, arguments.first()), number(1)) else {
        println!("explore DIRECTORY PASSWORDS [DUPLICATES [MISTAKE]]; directories: {:?}", Kind::ALL);
        return;
    };
    let duplicates_max = number(2).unwrap_or_default();
    let model = Model { kind, drawn_max, duplicates_max, mutant: named(mutants, arguments.get(3)) };
    #[expect(clippy::disallowed_methods, reason = "a person wants to know how long it takes")]
    let start = Instant::now();
    let explored = model.explore(2, None);
    println!("{model:?}: {} states, {} steps deep, {:?}", explored.states, explored.depth, start.elapsed());
    for (property, steps) in explored.violated {
        println!("not so that {property}:");
        steps.iter().for_each(|step| println!("    {step:?}"));
    }
}

fn named<T: Debug>(mut all: impl Iterator<Item = T>, name: Option<&String>) -> Option<T> {
    all.find(|one| Some(&format!("{one:?}")) == name)
}
