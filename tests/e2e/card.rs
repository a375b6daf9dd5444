//! Hosts whose PAM is kept in other ways than Debian's own: smart cards demanded of everybody, and authselect's profiles.

use xtask::lab::Kind;
use xtask::programs::ACCOUNT;

use crate::ways::watched::{CHANGE_REFUSED, FAILED, LOGGED_ON, Watched};

/// The card's PIN.
const PIN: &str = "123456";

/// A card in software with a certificate for joe, demanded of everybody at every log-on by pam-auth-update's means.
const DEMAND_CARDS: &str = r#"cd "$(mktemp -d)"
openssl req -quiet -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=authority -days 30
openssl req -quiet -newkey rsa:2048 -nodes -keyout joe.key -out joe.csr -subj /CN=joe
printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n' >extensions
openssl x509 -req -in joe.csr -CA ca.pem -CAkey ca.key -out joe.pem -days 30 -extfile extensions 2>/dev/null
openssl x509 -in joe.pem -outform der -out joe.der
mkdir -p /etc/pam_pkcs11/cacerts /etc/pam_pkcs11/crls
cp ca.pem /etc/pam_pkcs11/cacerts
openssl rehash /etc/pam_pkcs11/cacerts
softhsm2-util --init-token --free --label card --pin 123456 --so-pin 12345678
softhsm2-util --import joe.key --token card --label joe --id 01 --pin 123456
pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label card --login --pin 123456 \
    --write-object joe.der --type cert --id 01 --label joe
cat >/etc/pam_pkcs11/pam_pkcs11.conf <<'END'
pam_pkcs11 {
  card_only = true;
  wait_for_card = false;
  use_pkcs11_module = softhsm;
  pkcs11_module softhsm {
    module = /usr/lib/softhsm/libsofthsm2.so;
    description = "card";
    slot_num = 0;
    ca_dir = /etc/pam_pkcs11/cacerts;
    crl_dir = /etc/pam_pkcs11/crls;
    cert_policy = ca, signature;
    token_type = "card";
  }
  use_mappers = cn;
  mapper_search_path = /lib/pam_pkcs11;
  mapper cn { module = internal; ignorecase = false; mapfile = "none"; }
}
END
cat >/usr/share/pam-configs/smart-cards <<'END'
Name: smart cards for everybody
Default: no
Priority: 512
Auth-Type: Primary
Auth:
	[success=end default=die]	pam_pkcs11.so
END
pam-auth-update --enable smart-cards
echo joe:joe-Password-7 | chpasswd"#;

#[test]
fn where_smart_cards_are_demanded_the_managed_account_still_logs_on_by_its_password() {
    let mut host = Watched::boot(Kind::Workstation);
    host.scene.host.run(&["sh", "-euc", DEMAND_CARDS]).unwrap();
    let su = |host: &Watched, by: &str, to: &str, typed: &str| {
        host.typed_by(by, &["su", to, "-c", "true"], &[typed]).0
    };
    // Now everybody is asked for a card, the managed account too, which has none.
    assert!(!su(&host, "joe", ACCOUNT, &host.password));
    host.then("without a card", &[(FAILED, "su")]);
    assert!(su(&host, ACCOUNT, "joe", PIN));

    host.scene.host.run(&["lapwing", "pam", "enable", "--smart-cards"]).unwrap();
    assert!(host.ssh(&host.password));
    host.then("ssh, password", &[(LOGGED_ON, "sshd")]);
    assert!(su(&host, "joe", ACCOUNT, &host.password));
    host.then("su to it", &[(LOGGED_ON, "su")]);
    assert!(!su(&host, "joe", ACCOUNT, "wrong"));
    assert!(!su(&host, "joe", ACCOUNT, PIN));
    host.then("su to it, wrong", &[(FAILED, "su"), (FAILED, "su")]);
    assert!(su(&host, ACCOUNT, "joe", PIN), "joe has a card");
    assert!(!su(&host, ACCOUNT, "joe", "joe-Password-7"), "and nothing else lets him in");
    // At each boot the list of managed accounts is written before log-ons are open, whatever becomes of the agent.
    host.scene.host.run(&["systemctl", "disable", "lapwingd.service"]).unwrap();
    host.scene.host.power_off().unwrap();
    host.scene.host.power_on().unwrap();
    assert!(su(&host, "joe", ACCOUNT, &host.password));
    assert!(!su(&host, ACCOUNT, "joe", "joe-Password-7"));
    // Without the list nobody is let in who has no card.
    host.scene.host.run(&["rm", "/run/lapwing-priv/accounts"]).unwrap();
    assert!(!su(&host, "joe", ACCOUNT, &host.password));
    assert!(!su(&host, ACCOUNT, "joe", "joe-Password-7"));
}

/// As on Fedora: every service includes what authselect keeps.
const AUTHSELECT: &str = "mkdir -p /etc/authselect
cd /etc/pam.d
cp -a /usr/lib/pam.d/polkit-1 .
authselect select local with-faillock --force >/dev/null
sed -i -E 's/^@include common-(auth|account|password|session)(-noninteractive)?$/\\1 include system-auth/' *";

/// Everything that PAM reads.
const FILES: &str = "find /etc/pam.d /etc/authselect -type f -o -type l | sort | xargs sha256sum";

#[test]
fn authselect_enters_the_module_and_takes_it_out_again() {
    let mut host = Watched::boot(Kind::Workstation);
    host.scene.host.run(&["sh", "-euc", AUTHSELECT]).unwrap();
    let check = host.typed(&["lapwing", "pam", "check"], &[]);
    assert!(!check.0 && check.1.contains("is not reached from"), "{}", check.1);
    let before = host.scene.host.run(&["sh", "-euc", FILES]).unwrap();
    assert!(host.ssh(&host.password));
    host.then("not entered", &[]);

    for options in [&[][..], &["--smart-cards"]] {
        host.scene.host.run(&[&["lapwing", "pam", "enable"], options].concat()).unwrap();
        host.scene.host.run(&["authselect", "check"]).unwrap();
        let current = host.scene.host.run(&["authselect", "current", "--raw"]).unwrap();
        assert_eq!(current.trim(), "custom/lapwing with-faillock");
        let check = host.scene.host.run(&["lapwing", "pam", "check"]).unwrap();
        assert!(check.contains("sshd") && !check.contains("NOT"), "{check}");
        assert!(host.ssh(&host.password));
        assert!(!host.ssh("wrong"));
        host.then("entered", &[(LOGGED_ON, "sshd"), (FAILED, "sshd")]);
        let (is_done, said) = host.typed(&["passwd", ACCOUNT], &["another-Password-7"; 2]);
        assert!(!is_done && said.contains("lapwing reset-password"), "{said}");
        host.then("passwd", &[(CHANGE_REFUSED, "")]);
        host.scene.host.run(&["lapwing", "pam", "disable"]).unwrap();
        assert_eq!(host.scene.host.run(&["sh", "-euc", FILES]).unwrap(), before);
    }
}
