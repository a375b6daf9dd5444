//! The command line.

use clap::{Parser, Subcommand};

use crate::{
    commands::{
        ad::{
            add_kds_root_key, export_kds_root_key, find_ad_extended_rights, get_ad_password,
            get_kds_root_key, list_ad_permissions, report_ad, revoke_ad_permission, set_ad_auditing,
            set_ad_computer_self_permission, set_ad_password_expiration_time,
            set_ad_read_password_permission, set_ad_reset_password_permission, update_ad_schema,
        },
        adopt, doctor, enrol, generalize, generate_docs, generate_password, get_aad_password,
        get_diagnostics, get_policy, invoke_policy_processing, leave, pam, reset_password, server, status,
        trace, unprotect,
    },
    failure::Failure,
};

/// Manages the local administrator passwords of this host, and reads those of others from the directory
#[derive(Debug, Parser)]
#[command(name = "lapwing", version, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed
  2  wrong usage
  3  refused: the caller may not, or the answer was no
  4  not found, or this host is not enrolled
  5  the agent or the directory cannot be reached

Example:
  lapwing status";

/// One per cmdlet, plus what no cmdlet does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Enrol(enrol::Args),
    Leave(leave::Args),
    Generalize(generalize::Args),
    Adopt(adopt::Args),
    Status(status::Args),
    Trace(trace::Args),
    Doctor(doctor::Args),
    Pam(pam::Args),
    GetDiagnostics(get_diagnostics::Args),
    ResetPassword(reset_password::Args),
    InvokePolicyProcessing(invoke_policy_processing::Args),
    GetPolicy(get_policy::Args),
    GetAadPassword(get_aad_password::Args),
    GeneratePassword(generate_password::Args),
    UpdateAdSchema(update_ad_schema::Args),
    SetAdComputerSelfPermission(set_ad_computer_self_permission::Args),
    SetAdReadPasswordPermission(set_ad_read_password_permission::Args),
    SetAdResetPasswordPermission(set_ad_reset_password_permission::Args),
    SetAdAuditing(set_ad_auditing::Args),
    FindAdExtendedRights(find_ad_extended_rights::Args),
    ListAdPermissions(list_ad_permissions::Args),
    RevokeAdPermission(revoke_ad_permission::Args),
    ReportAd(report_ad::Args),
    GetAdPassword(get_ad_password::Args),
    SetAdPasswordExpirationTime(set_ad_password_expiration_time::Args),
    Unprotect(unprotect::Args),
    AddKdsRootKey(add_kds_root_key::Args),
    GetKdsRootKey(get_kds_root_key::Args),
    ExportKdsRootKey(export_kds_root_key::Args),
    Server(server::Args),
    #[command(hide = true)]
    GenerateDocs(generate_docs::Args),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Enrol(args) => enrol::run(args),
            Self::Leave(args) => leave::run(args),
            Self::Generalize(args) => generalize::run(args),
            Self::Adopt(args) => adopt::run(&args),
            Self::Status(args) => status::run(&args),
            Self::Trace(args) => trace::run(&args),
            Self::Doctor(args) => doctor::run(&args),
            Self::Pam(args) => pam::run(&args),
            Self::GetDiagnostics(args) => get_diagnostics::run(&args),
            Self::ResetPassword(args) => reset_password::run(&args),
            Self::InvokePolicyProcessing(args) => invoke_policy_processing::run(&args),
            Self::GetPolicy(args) => get_policy::run(&args),
            Self::GetAadPassword(args) => get_aad_password::run(&args),
            Self::GeneratePassword(args) => generate_password::run(&args),
            Self::UpdateAdSchema(args) => update_ad_schema::run(&args),
            Self::SetAdComputerSelfPermission(args) => set_ad_computer_self_permission::run(&args),
            Self::SetAdReadPasswordPermission(args) => set_ad_read_password_permission::run(&args),
            Self::SetAdResetPasswordPermission(args) => set_ad_reset_password_permission::run(&args),
            Self::SetAdAuditing(args) => set_ad_auditing::run(&args),
            Self::FindAdExtendedRights(args) => find_ad_extended_rights::run(&args),
            Self::ListAdPermissions(args) => list_ad_permissions::run(&args),
            Self::RevokeAdPermission(args) => revoke_ad_permission::run(&args),
            Self::ReportAd(args) => report_ad::run(&args),
            Self::GetAdPassword(args) => get_ad_password::run(&args),
            Self::SetAdPasswordExpirationTime(args) => set_ad_password_expiration_time::run(&args),
            Self::Unprotect(args) => unprotect::run(&args),
            Self::AddKdsRootKey(args) => add_kds_root_key::run(&args),
            Self::GetKdsRootKey(args) => get_kds_root_key::run(&args),
            Self::ExportKdsRootKey(args) => export_kds_root_key::run(&args),
            Self::Server(args) => server::run(args),
            Self::GenerateDocs(args) => generate_docs::run(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    /// Every command with its path, such as `lapwing server audit list`.
    fn all_commands() -> Vec<(String, clap::Command)> {
        fn walk(path: &str, command: clap::Command, into: &mut Vec<(String, clap::Command)>) {
            let inner: Vec<_> = command.get_subcommands().cloned().collect();
            into.push((path.to_owned(), command));
            for sub in inner {
                walk(&format!("{path} {}", sub.get_name()), sub, into);
            }
        }
        let mut root = Cli::command();
        root.build();
        let mut all = Vec::new();
        walk("lapwing", root, &mut all);
        all
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_how_it_is_called() {
        for (path, mut command) in all_commands() {
            let help = command.render_long_help().to_string();
            let example = help.lines().skip_while(|line| *line != "Example:" && *line != "Examples:").nth(1);
            let shown = example.is_some_and(|line| line.contains(&path));
            assert!(shown, "{path} has no example of itself in its help");
        }
    }

    #[test]
    fn the_help_of_every_command_is_known() {
        let text: Vec<_> = all_commands()
            .into_iter()
            .map(|(path, mut command)| format!("===== {path}\n{}", command.render_long_help()))
            .collect();
        insta::assert_snapshot!(text.join("\n"));
    }

    #[test]
    fn no_argument_takes_a_secret() {
        for (path, command) in all_commands() {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                let takes_value = argument.get_action().takes_values();
                let secret = ["password", "secret", "token"].contains(&name);
                assert!(!(secret && takes_value), "{path} {name}");
            }
        }
    }
}
