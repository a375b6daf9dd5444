//! A report on a large domain, against the same attributes by `ldapsearch`.

use anyhow::{Context as _, Result, ensure};
use xtask::{
    estate::{Estate, Person},
    lab::{Host, Lab, domain::Samba},
};

use super::{
    Row,
    programs::Programs,
    report::{Bound, Measured},
};

/// The whole report, against both searches that it makes.
const RATIO_MAX: f64 = 1.2;
/// Memory with all computers, against a tenth of them.
const MEMORY_MAX: f64 = 1.25;
/// How many units there are: each has permissions of its own.
const UNITS: u32 = 20;

/// Prints as LDIF a unit with a tenth of all computers, and units with the rest, most of which have a password.
/// Arguments: how many computers, how many units.
const COMPUTERS: &str = r#"my ($count, $units) = @ARGV;
    my $base = "OU=Fleet,DC=lapwing,DC=test";
    print "dn: $base\nobjectClass: organizationalUnit\n\n";
    print "dn: OU=Unit$_,$base\nobjectClass: organizationalUnit\n\n" for 0 .. $units - 1;
    print "dn: OU=Tenth,$base\nobjectClass: organizationalUnit\n\n";
    for my $i (1 .. $count) {
        my $unit = $i <= $count / 10 ? "OU=Tenth" : "OU=Unit" . $i % $units;
        print "dn: CN=pc$i,$unit,$base\nobjectClass: computer\nsAMAccountName: PC$i\$\n";
        print "userAccountControl: 4128\ndNSHostName: pc$i.lapwing.test\n";
        print "msLAPS-PasswordExpirationTime: 13400000000000000", $i % 10, "\n";
        print "msLAPS-Password: {\"n\":\"lapadmin\",\"t\":\"1dd1e7a00000000\",\"p\":\"Wq7+kd{T2m.Z!x\"}\n" if $i % 3;
        print "msLAPS-EncryptedPassword:: ", "QUFB" x 300, "\n" if $i % 2;
        print "\n";
    }"#;

/// The two searches of a report, as a script would make them: which passwords there are, by name alone, and the rest.
/// Argument: where to begin.
const SEARCHES: &str = r#"ask="ldapsearch -LLL -Q -N -Y GSSAPI -H ldap://dc1.lapwing.test -E pr=500/noprompt"
    computers='(objectCategory=computer)'
    $ask -A -b "$1" "(&$computers(|(msLAPS-EncryptedPassword=*)(msLAPS-EncryptedDSRMPassword=*)(msLAPS-Password=*)))" \
        msLAPS-EncryptedPassword msLAPS-EncryptedDSRMPassword msLAPS-Password
    exec $ask -E '!1.2.840.113556.1.4.801=::MAMCAQQ=' -b "$1" "$computers" name dNSHostName userAccountControl \
        msLAPS-PasswordExpirationTime ms-Mcs-AdmPwdExpirationTime replPropertyMetaData nTSecurityDescriptor"#;

/// Runs a command and prints how many nanoseconds it took and how many KiB it had at most: clock_gettime(2) of the monotonic
/// clock, and getrusage(2) of children, by their numbers on x86-64, for a host has no more of Perl than its base.
const MEASURE: &str = r#"sub now { my $time = "\0" x 16; syscall(228, 1, $time); my @t = unpack("q2", $time); $t[0] * 1e9 + $t[1] }
    open(my $kept, ">&", \*STDOUT);
    open(STDOUT, ">", "/run/bench.out");
    my $begun = now();
    system(@ARGV) == 0 or die "it failed";
    my $took = now() - $begun;
    my $usage = "\0" x 144;
    syscall(98, -1, $usage);
    printf $kept "%d %d\n", $took, (unpack("q*", $usage))[4];"#;

pub(super) fn rows(programs: &Programs, computers: u32, rounds: u32) -> Result<Vec<Row>> {
    let estate = Estate::set(Lab::new()?, Samba::Current, &programs.shipped)?;
    estate.prepare_domain()?;
    eprintln!("  {computers} computers are added to a domain");
    fill(&estate.domain.controller, computers)?;
    let administrator = estate.administrator()?;
    let report =
        |unit: &str| measure(&estate, &administrator, &["lapwing", "report-ad", unit, "--format", "csv"]);
    let whole = "OU=Fleet,DC=lapwing,DC=test";
    // The first round warms up the controller.
    report(whole)?;
    let listed = estate.host.run(&["wc", "--lines", "/run/bench.out"])?;
    let expected = computers + 1;
    ensure!(
        listed.starts_with(&format!("{expected} ")),
        "of {computers} computers {listed} lines were written"
    );
    let (mut ours, mut theirs, mut large, mut small) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (took, memory) = report(whole)?;
        ours.push(took);
        large.push(memory);
        theirs.push(measure(&estate, &administrator, &["sh", "-euc", SEARCHES, "searches", whole])?.0);
        small.push(report("OU=Tenth,OU=Fleet,DC=lapwing,DC=test")?.1);
    }
    let tenth = computers / 10;
    Ok(vec![
        Row::new(
            Measured::of(format!("a report on {computers} computers"), "ms", ours),
            Measured::of("both searches by ldapsearch, in pages", "ms", theirs),
            Bound::AtMost(RATIO_MAX),
            Vec::new(),
        ),
        Row::new(
            Measured::of(format!("memory of a report on {computers} computers"), "KiB", large),
            Measured::of(format!("on {tenth} computers"), "KiB", small),
            Bound::AtMost(MEMORY_MAX),
            Vec::new(),
        ),
    ])
}

/// Adds the computers to the controller's database, at once and not by LDAP, which would take many minutes.
fn fill(controller: &Host, computers: u32) -> Result<()> {
    const ADD: &str = r#"perl -e "$1" "$2" "$3" >/root/computers.ldif
        ldbadd -H /var/lib/samba/private/sam.ldb /root/computers.ldif"#;
    let (computers, units) = (computers.to_string(), UNITS.to_string());
    controller.run(&["sh", "-euc", ADD, "add", COMPUTERS, &computers, &units]).map(drop)
}

/// How many milliseconds a command took, and how many KiB it had at most.
fn measure(estate: &Estate, administrator: &Person, command: &[&str]) -> Result<(f64, f64)> {
    let printed = estate.run_as(administrator, &[&["perl", "-e", MEASURE], command].concat())?;
    let (took, memory) = printed.trim().split_once(' ').context("nothing was measured")?;
    let nanoseconds: f64 = took.parse()?;
    Ok((nanoseconds / 1e6, memory.parse()?))
}
