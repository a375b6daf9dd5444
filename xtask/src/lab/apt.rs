//! The machine's own package sources, aimed at another release of the same distribution.
//!
//! No mirror, proxy or key is named here: whatever this machine may use, the lab uses.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::str::SplitWhitespace;

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
        for file in files()? {
            match file {
                SourceFile::Lines(text) => found.lines += &aim_lines(&text, &here, release),
                SourceFile::Stanzas(text) => found.stanzas += &aim_stanzas(&text, &here, release),
            }
        }
        if found.lines.is_empty() && found.stanzas.is_empty() {
            bail!("no apt source of this machine serves `{here}`, so none can serve `{release}`");
        }
        Ok(found)
    }
}

/// The address of every archive that this machine's apt is told of, whatever it serves.
///
/// # Errors
/// When a file of sources cannot be read.
pub fn archives() -> Result<Vec<String>> {
    Ok(files()?.iter().flat_map(SourceFile::archives).collect())
}

/// The text of one file of sources, by its form.
#[derive(Debug)]
enum SourceFile {
    Lines(String),
    Stanzas(String),
}

impl SourceFile {
    fn archives(&self) -> Vec<String> {
        match self {
            Self::Lines(text) => text.lines().filter_map(|line| Some(entry(line)?.uri.to_owned())).collect(),
            Self::Stanzas(text) => {
                let fields = stanzas(text).into_iter().flatten();
                let named = fields.filter(|field| field.name.eq_ignore_ascii_case("uris"));
                named.flat_map(|field| field.words().map(str::to_owned).collect::<Vec<_>>()).collect()
            }
        }
    }
}

/// Every file of sources, in the order of their names.
fn files() -> Result<Vec<SourceFile>> {
    let mut paths = vec![Path::new("/etc/apt/sources.list").to_owned()];
    let folder = Path::new("/etc/apt/sources.list.d");
    if folder.exists() {
        for entry in fs::read_dir(folder)? {
            paths.push(entry?.path());
        }
    }
    paths.sort_unstable();
    let mut files = Vec::new();
    for path in paths.into_iter().filter(|path| path.exists()) {
        let form = match path.extension().and_then(OsStr::to_str) {
            Some("list") => SourceFile::Lines,
            Some("sources") => SourceFile::Stanzas,
            // Of no form that apt reads.
            _ => continue,
        };
        files.push(form(
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?,
        ));
    }
    Ok(files)
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

/// An entry of the one-line form: `deb [options] uri suite component…`. `sources.list(5)`.
struct Entry<'a> {
    /// With their brackets and a space after, or empty.
    options: String,
    uri: &'a str,
    suite: &'a str,
    components: SplitWhitespace<'a>,
}

/// None for a comment, and for `deb-src`.
fn entry(line: &str) -> Option<Entry<'_>> {
    let entry = line.split('#').next()?.trim().strip_prefix("deb")?;
    if !entry.starts_with([' ', '\t']) {
        return None;
    }
    let entry = entry.trim_start();
    let (options, rest) = match entry.strip_prefix('[').and_then(|entry| entry.split_once(']')) {
        Some((options, rest)) => (format!("[{options}] "), rest),
        None => (String::new(), entry),
    };
    let mut words = rest.split_whitespace();
    Some(Entry { options, uri: words.next()?, suite: words.next()?, components: words })
}

fn aim_lines(text: &str, from: &str, to: &str) -> String {
    text.lines().filter_map(|line| aim_entry(entry(line)?, from, to)).map(|line| line + "\n").collect()
}

fn aim_entry(entry: Entry<'_>, from: &str, to: &str) -> Option<String> {
    let Entry { options, uri, suite, components } = entry;
    let suite = aim(suite, from, to)?;
    Some(components.fold(format!("deb {options}{uri} {suite}"), |line, component| line + " " + component))
}

/// A field of the deb822 form; its value is all that follows the colon, continuation lines too. `sources.list(5)`.
struct Field {
    name: String,
    value: String,
}

impl Field {
    fn words(&self) -> SplitWhitespace<'_> {
        self.value.split_whitespace()
    }
}

/// The stanzas of a file, each with its fields.
fn stanzas(text: &str) -> Vec<Vec<Field>> {
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect();
    text.split("\n\n").map(fields).collect()
}

fn fields(stanza: &str) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for line in stanza.lines().filter(|line| !line.is_empty()) {
        match (fields.last_mut(), line.split_once(':')) {
            (Some(field), _) if line.starts_with([' ', '\t']) => field.value += &format!("\n{line}"),
            (_, Some((name, value))) => {
                fields.push(Field { name: name.to_owned(), value: value.to_owned() });
            }
            // Apt refuses a file with such a line.
            (_, None) => {}
        }
    }
    fields
}

fn aim_stanzas(text: &str, from: &str, to: &str) -> String {
    stanzas(text)
        .iter()
        .filter_map(|stanza| aim_stanza(stanza, from, to))
        .map(|stanza| stanza + "\n")
        .collect()
}

/// Fields other than the types and suites stay as they are, embedded keys too.
fn aim_stanza(stanza: &[Field], from: &str, to: &str) -> Option<String> {
    let mut aimed = String::new();
    let mut serves = false;
    for field in stanza {
        match field.name.to_ascii_lowercase().as_str() {
            "enabled" if field.value.trim().eq_ignore_ascii_case("no") => return None,
            "types" if field.words().any(|kind| kind == "deb") => aimed += "Types: deb\n",
            "types" => return None,
            "suites" => {
                let suites: Vec<_> = field.words().filter_map(|suite| aim(suite, from, to)).collect();
                serves = !suites.is_empty();
                aimed += &format!("Suites: {}\n", suites.join(" "));
            }
            _ => aimed += &format!("{}:{}\n", field.name, field.value),
        }
    }
    serves.then_some(aimed)
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
    fn every_archive_is_named_whatever_it_serves() {
        let lines = "deb [arch=amd64] http://a.test/debian bookworm main # http://old.test\n# deb http://off.test/ x y\n\
                     deb http://b.test/ nodistro main\n";
        assert_eq!(
            SourceFile::Lines(lines.to_owned()).archives(),
            ["http://a.test/debian", "http://b.test/"]
        );
        let stanzas = "# http://old.test\nTypes: deb\nuris: http://a.test\n http://b.test\nSuites: x\n\n\
                       Types: deb\nURIs: http://c.test\nSuites: nodistro\n";
        assert_eq!(
            SourceFile::Stanzas(stanzas.to_owned()).archives(),
            ["http://a.test", "http://b.test", "http://c.test"]
        );
    }

    #[test]
    fn only_debian_has_a_release_to_aim_from() {
        assert_eq!(codename("NAME=x\nID=debian\nVERSION_CODENAME=\"bookworm\"\n").unwrap(), "bookworm");
        assert!(codename("ID=fedora\n").unwrap_err().to_string().contains("fedora"));
    }
}
