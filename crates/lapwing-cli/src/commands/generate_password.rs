//! `lapwing generate-password`: shows what a policy's rules draw.

use lapwing_core::{
    generate::{self, Rules},
    policy::{PassphraseLength, PasswordComplexity, PasswordLength},
};

use crate::{
    failure::{Code, Failure},
    os, output,
};

/// The most passwords of one call.
const COUNT_MAX: i64 = 1000;

/// Draws passwords by the rules of a policy, without changing anything
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Complexity:
  1  capital letters
  2  letters
  3  letters and digits
  4  letters, digits and symbols
  5  as 4, without characters that look alike
  6  words of the long list
  7  words of the short list
  8  words of the short list with unique prefixes

Examples:
  lapwing generate-password
  lapwing generate-password --complexity 6 --passphrase-length 8
  lapwing generate-password --complexity 5 --length 20 --count 10")]
pub(crate) struct Args {
    /// PasswordComplexity, 1 to 8
    #[arg(long, value_name = "N", default_value = "4", value_parser = complexity)]
    complexity: PasswordComplexity,

    /// PasswordLength: characters, 8 to 64; for complexity 1 to 5
    #[arg(long, value_name = "N", default_value = "14", value_parser = length)]
    length: PasswordLength,

    /// PassphraseLength: words, 3 to 10; for complexity 6 to 8
    #[arg(long, value_name = "N", default_value = "6", value_parser = words)]
    passphrase_length: PassphraseLength,

    /// How many, one a line
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=COUNT_MAX))]
    count: i64,
}

fn complexity(text: &str) -> Result<PasswordComplexity, String> {
    PasswordComplexity::parse(number(text)?).map_err(|_| "expected 1 to 8".to_owned())
}

fn length(text: &str) -> Result<PasswordLength, String> {
    PasswordLength::parse(number(text)?).map_err(|_| "expected 8 to 64".to_owned())
}

fn words(text: &str) -> Result<PassphraseLength, String> {
    PassphraseLength::parse(number(text)?).map_err(|_| "expected 3 to 10".to_owned())
}

fn number(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "expected a number".to_owned())
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let rules = Rules::new(args.complexity, args.length, args.passphrase_length);
    for _ in 0..args.count {
        let password = generate::generate(&rules, &mut os::rng())
            .map_err(|error| Failure::new(Code::Failed, error, error.next_step()))?;
        output::print(password.expose_secret())?;
    }
    Ok(())
}
