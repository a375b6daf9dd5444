//! `pam_lapwing.so`. It runs within whatever program asks PAM: `sshd`, `su`, `passwd`, a desktop's lock screen.
//!
//! * It tells `lapwingd` of each authentication of the managed account, by one datagram that is sent or dropped at once.
//! * It refuses to change the managed account's password, as long as `lapwingd` wants that, for nobody would know it then.
//!
//! INVARIANT: it never waits for `lapwingd`, and never decides about a log-on: every hook but that refusal answers `PAM_IGNORE`, whatever has
//! happened, panics included. It starts no thread, touches no signal, and leaves no descriptor open.

mod accounts;
mod hooks;
mod notify;
mod sys;
