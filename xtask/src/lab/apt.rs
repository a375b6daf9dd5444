//! The machine's own package sources, aimed at another release of the same distribution.
//!
//! No mirror, proxy or key is named here: whatever this machine may use, the lab uses.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::sys;

/// Settings of the machine's apt that say how to reach an archive and what to think of its dates.
const SETTINGS: [&str; 5] =
    ["Acquire::Check-", "Acquire::Force", "Acquire::Retries", "Acquire::http::", "Acquire::https::"];

/// What mmdebstrap is given; each is the content of one file.
#[derive(Debug)]
pub(super) struct Sources {
    /// Entries in the form of `sources.list`.
    pub(super) lines: String,
    /// Entries in the form of `*.sources`.
    pub(super) stanzas: String,
    /// Settings in the form of `apt.conf`.
    pub(super) settings: String,
}

impl Sources {
    /// Reads this machine's sources and aims them at `release`.
    pub(super) fn of_this_machine(release: &str) -> Result<Self> {
        let here = codename(&fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?)?;
        let mut found = Self { lines: String::new(), stanzas: String::new(), settings: settings()? };
        let mut files = vec![Path::new("/etc/apt/sources.list").to_owned()];
        if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
            files.extend(folder.flatten().map(|entry| entry.path()));
        }
        files.sort_unstable();
        for file in files.into_iter().filter(|file| file.exists()) {
            let read =
                || fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()));
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("list") => found.lines += &aim_lines(&read()?, &here, release),
                Some("sources") => found.stanzas += &aim_stanzas(&read()?, &here, release),
                _ => {}
            }
        }
        if found.lines.is_empty() && found.stanzas.is_empty() {
            bail!("no apt source of this machine serves `{here}`, so none can serve `{release}`");
        }
        Ok(found)
    }
}

/// The code name of this machine's Debian release.
fn codename(os_release: &str) -> Result<String> {
    let value = |key: &str| {
        os_release
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(|value| value.trim_matches('"'))
    };
    match (value("ID"), value("VERSION_CODENAME")) {
        (Some("debian"), Some(name)) => Ok(name.to_owned()),
        (id, _) => {
            bail!("the lab's hosts are built on Debian, and this machine is {}", id.unwrap_or("unnamed"))
        }
    }
}

fn settings() -> Result<String> {
    let all = sys::text(sys::command("apt-config").arg("dump"))?;
    let mut kept: Vec<_> =
        all.lines().filter(|line| SETTINGS.iter().any(|start| line.starts_with(start))).collect();
    // Absolute, because mmdebstrap makes all other places relative to the new root.
    kept.push("Dir::Etc::netrc \"/etc/apt/auth.conf\";");
    kept.push("Dir::Etc::netrcparts \"/etc/apt/auth.conf.d\";");
    Ok(kept.join("\n") + "\n")
}

/// `bookworm-security` as `trixie-security`; none for a suite of another archive.
fn aim(suite: &str, from: &str, to: &str) -> Option<String> {
    let rest = suite.strip_prefix(from)?;
    (rest.is_empty() || rest.starts_with('-')).then(|| format!("{to}{rest}"))
}

/// `sources.list(5)`, the one-line form: `deb [options] uri suite component…`.
fn aim_lines(text: &str, from: &str, to: &str) -> String {
    text.lines().filter_map(|line| aim_line(line, from, to)).map(|line| line + "\n").collect()
}

fn aim_line(line: &str, from: &str, to: &str) -> Option<String> {
    let entry = line.split('#').next()?.trim().strip_prefix("deb")?;
    if !entry.starts_with([' ', '\t']) {
        return None; // `deb-src`
    }
    let entry = entry.trim_start();
    let (options, rest) = match entry.strip_prefix('[').and_then(|entry| entry.split_once(']')) {
        Some((options, rest)) => (format!("[{options}] "), rest),
        None => (String::new(), entry),
    };
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, aim(words.next()?, from, to)?);
    Some(words.fold(format!("deb {options}{uri} {suite}"), |line, component| line + " " + component))
}

/// `sources.list(5)`, the deb822 form. Fields other than the types and suites stay as they are, embedded keys too.
fn aim_stanzas(text: &str, from: &str, to: &str) -> String {
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect();
    text.split("\n\n").filter_map(|stanza| aim_stanza(stanza, from, to)).map(|stanza| stanza + "\n").collect()
}

fn aim_stanza(stanza: &str, from: &str, to: &str) -> Option<String> {
    let mut aimed = String::new();
    let mut serves = false;
    for field in fields(stanza) {
        let (name, value) = field.split_once(':')?;
        match name.to_ascii_lowercase().as_str() {
            "enabled" if value.trim().eq_ignore_ascii_case("no") => return None,
            "types" if value.split_whitespace().any(|kind| kind == "deb") => aimed += "Types: deb\n",
            "types" => return None,
            "suites" => {
                let suites: Vec<_> =
                    value.split_whitespace().filter_map(|suite| aim(suite, from, to)).collect();
                serves = !suites.is_empty();
                aimed += &format!("Suites: {}\n", suites.join(" "));
            }
            _ => aimed += &format!("{field}\n"),
        }
    }
    serves.then_some(aimed)
}

/// The fields of a stanza, each with its continuation lines.
fn fields(stanza: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in stanza.lines().filter(|line| !line.is_empty()) {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => *field += &format!("\n{line}"),
            _ => fields.push(line.to_owned()),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_line_source_keeps_its_options_and_components() {
        let text = "# mirror\n\
                    deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian bookworm main contrib # here\n\
                    deb-src http://mirror.test/debian bookworm main\n\
                    deb\thttp://mirror.test/security bookworm-security main\n\
                    deb http://other.test/ bookworms main\n\
                    deb http://other.test/ stable main\n";
        assert_eq!(
            aim_lines(text, "bookworm", "trixie"),
            "deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian trixie main contrib\n\
             deb http://mirror.test/security trixie-security main\n"
        );
    }

    #[test]
    fn a_stanza_keeps_every_field_but_its_suites() {
        let text = "Types: deb deb-src\n# a note\nURIs: http://mirror.test/debian\n\
                    Suites: bookworm\n bookworm-updates nodistro\nComponents: main\nSigned-By:\n -----BEGIN\n .\n mQ\n\n\
                    Types: deb\nURIs: http://other.test\nSuites: nodistro\n\n\
                    Enabled: no\nTypes: deb\nURIs: http://off.test\nSuites: bookworm\n\n\
                    Types: deb-src\nURIs: http://src.test\nSuites: bookworm\n";
        assert_eq!(
            aim_stanzas(text, "bookworm", "trixie"),
            "Types: deb\nURIs: http://mirror.test/debian\nSuites: trixie trixie-updates\nComponents: main\n\
             Signed-By:\n -----BEGIN\n .\n mQ\n\n"
        );
    }

    #[test]
    fn only_debian_has_a_release_to_aim_from() {
        assert_eq!(codename("NAME=x\nID=debian\nVERSION_CODENAME=\"bookworm\"\n").unwrap(), "bookworm");
        assert!(codename("ID=fedora\n").unwrap_err().to_string().contains("fedora"));
    }
}
