//! The form of RPM-based systems. rpm.org, "Spec file format".

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::list::{LEAD, Package};
use super::tree::Tree;
use super::{Form, Order};
use crate::sys;

/// What rpm may run; `dist/rpm` has those that a package needs.
const SCRIPTS: [&str; 4] = ["pre", "post", "preun", "postun"];

/// Nothing of the machine that builds is to show: not its name, not its clock, none of its own habits.
const SETTINGS: [&str; 8] = [
    "_buildhost localhost",
    "_build_id_links none",
    "__os_install_post %{nil}",
    "clamp_mtime_to_source_date_epoch 1",
    "debug_package %{nil}",
    "source_date_epoch_from_changelog 0",
    "use_source_date_epoch_as_buildtime 1",
    "_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm",
];

pub(super) fn make(package: &Package, tree: &Tree, order: &Order<'_>, epoch: u64) -> Result<PathBuf> {
    let name = package.name(Form::Rpm);
    let spec = tree.aside.join(format!("{name}.spec"));
    fs::write(&spec, text(package, tree, order)?)?;
    let mut build = sys::command("rpmbuild");
    build.env("SOURCE_DATE_EPOCH", epoch.to_string()).args(["-bb", "--quiet"]);
    build.args(["--target", &format!("{}-linux", std::env::consts::ARCH)]);
    for setting in SETTINGS {
        build.args(["--define", setting]);
    }
    let payload = if order.is_small { "w9.xzdio" } else { "w1.gzdio" };
    for (name, value) in [
        ("_topdir", tree.aside.display().to_string()),
        ("_rpmdir", order.out.display().to_string()),
        ("staged", tree.root.display().to_string()),
        ("_binary_payload", payload.to_owned()),
    ] {
        build.args(["--define", &format!("{name} {value}")]);
    }
    sys::output(build.arg(&spec))?;
    Ok(order.out.join(format!("{name}-{}-1.{}.rpm", order.version, std::env::consts::ARCH)))
}

fn text(package: &Package, tree: &Tree, order: &Order<'_>) -> Result<String> {
    let mut text = format!(
        "Name: {}\nVersion: {}\nRelease: 1\nSummary: {}\nLicense: (Apache-2.0 OR MIT) AND CC-BY-3.0-US\n",
        package.name(Form::Rpm),
        order.version,
        package.summary
    );
    for (tag, value) in package.rpm {
        text += &format!("{tag}: {}\n", value.replace("{version}", order.version));
    }
    text += &format!(
        "\n%description\n{LEAD}\n\n{}\n\n%install\ncp --archive %{{staged}}/. %{{buildroot}}\n",
        package.description
    );
    for script in SCRIPTS {
        let path = sys::workspace().join("dist/rpm").join(format!("{}.{script}", package.name));
        if path.exists() {
            text += &format!("\n%{script}\n{}", fs::read_to_string(&path)?);
        }
    }
    text += "\n%files\n%defattr(-,root,root,-)\n";
    for file in tree.files()? {
        text += &format!("/{}\n", file.display());
    }
    for folder in ["usr/libexec/lapwing", &format!("usr/share/doc/{}", package.name(Form::Rpm))] {
        if tree.root.join(folder).exists() {
            text += &format!("%dir /{folder}\n");
        }
    }
    Ok(text)
}
