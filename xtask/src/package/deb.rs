//! Debian's form. Debian Policy Manual; deb-control(5).

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::Order;
use super::list::{LEAD, Package};
use super::tree::{Tree, compress};
use crate::sys;

/// What dpkg may run; `dist/deb` has those that a package needs.
const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];

/// Who keeps the packages.
const MAINTAINER: &str = "The Lapwing maintainers <maintainers@lapwing.invalid>";

pub(super) fn make(package: &Package, tree: &Tree, order: &Order<'_>, epoch: u64) -> Result<PathBuf> {
    let architecture = sys::text(sys::command("dpkg").arg("--print-architecture"))?;
    let architecture = architecture.trim();
    let changes = format!("usr/share/doc/{}/changelog", package.name);
    compress(&tree.write(&changes, 0o644, changes_text(package, order, epoch)?.as_bytes())?)?;
    tree.write("DEBIAN/md5sums", 0o644, sums(tree)?.as_bytes())?;
    let control = control(package, tree, order, architecture)?;
    tree.write("DEBIAN/control", 0o644, control.as_bytes())?;
    for script in SCRIPTS {
        let path = sys::workspace().join("dist/deb").join(format!("{}.{script}", package.name));
        if path.exists() {
            tree.write(&format!("DEBIAN/{script}"), 0o755, &fs::read(&path)?)?;
        }
    }
    let file = order.out.join(format!("{}_{}_{architecture}.deb", package.name, order.version));
    let mut pack = sys::command("dpkg-deb");
    pack.env("SOURCE_DATE_EPOCH", epoch.to_string());
    // One thread, because how many there are shows in the result.
    pack.args(["--root-owner-group", "--threads-max=1"]);
    pack.args(if order.is_small { ["-Zxz", "-z6"] } else { ["-Zgzip", "-z1"] });
    sys::output(pack.arg("--build").arg(&tree.root).arg(&file))?;
    Ok(file)
}

/// Debian Policy Manual 4.4; our own changelog has another form.
fn changes_text(package: &Package, order: &Order<'_>, epoch: u64) -> Result<String> {
    let date =
        sys::text(sys::command("date").args(["--utc", "--rfc-email", "--date", &format!("@{epoch}")]))?;
    Ok(format!(
        "{} ({}) unstable; urgency=medium\n\n  * CHANGELOG.md.gz says what is new.\n\n -- {MAINTAINER}  {date}",
        package.name, order.version
    ))
}

fn control(package: &Package, tree: &Tree, order: &Order<'_>, architecture: &str) -> Result<String> {
    let libraries = libraries(tree)?;
    let size = sys::text(
        sys::command("du").args(["--summarize", "--apparent-size", "--block-size=1K"]).arg(&tree.root),
    )?;
    let size = size.split_whitespace().next().context("du printed no size")?;
    let mut text = format!(
        "Package: {}\nVersion: {}\nArchitecture: {architecture}\nMaintainer: {MAINTAINER}\nInstalled-Size: {size}\n\
         Section: {}\nPriority: optional\n",
        package.name, order.version, package.section
    );
    for (field, value) in package.deb {
        let value = value.replace("{version}", order.version).replace("${shlibs}", &libraries);
        text += &format!("{field}: {value}\n");
    }
    text += &format!("Description: {}\n", package.summary);
    // A full stop parts paragraphs.
    for line in LEAD.lines().chain(["."]).chain(package.description.lines()) {
        text += &format!(" {line}\n");
    }
    Ok(text)
}

/// The packages of the libraries that the programs name, with the versions that these programs need.
fn libraries(tree: &Tree) -> Result<String> {
    // It takes what it works on from the folder of a source package.
    let source = tree.aside.join("source");
    fs::create_dir_all(source.join("debian"))?;
    fs::write(source.join("debian/control"), "Source: lapwing\n\nPackage: lapwing\nArchitecture: any\n")?;
    let mut command = sys::command("dpkg-shlibdeps");
    command.arg("-O").args(&tree.programs).current_dir(&source);
    let said = sys::text(&mut command)?;
    let (_, libraries) =
        said.trim().split_once("shlibs:Depends=").context("dpkg-shlibdeps named no library")?;
    Ok(libraries.to_owned())
}

/// The sums by which `dpkg --verify` compares.
fn sums(tree: &Tree) -> Result<String> {
    let files = tree.files()?;
    sys::text(sys::command("md5sum").arg("--").args(&files).current_dir(&tree.root))
}
