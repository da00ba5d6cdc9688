//! The story itself: sendmail 8.17 with the shipped .mc lines, an authinfo map, openbsd-inetd with the bridge, and a
//! smarthost on implicit TLS that demands AUTH.

use std::path::Path;
use std::time::Duration;

use crate::support::limit::{skip, until};
use crate::support::namespace::{inside_for, without_tool};

use crate::real::machine::Machine;
use crate::real::superservers::inetd::start;
use crate::real::{Provider, LIMIT};

const INETD: &str = "inetd/debian.conf";
const LINES: &str = include_str!("../../../packaging/mta/sendmail.mc");
/// Debian's packages put sendmail itself here, and link it to /usr/sbin/sendmail when they are configured.
const SENDMAIL: &str = "/usr/libexec/sendmail/sendmail";

/// Goal: one message arrives, authenticated.
#[test]
fn sendmail_relays_a_message_with_auth() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = sendmail() else { return };
        start(&machine, &provider.shipped(INETD, &provider.good));
        let said = send(&machine);
        assert!(said.contains("235 2.7.0 Authentication successful") && said.contains("Sent ("), "{said}");
        assert_delivered(&machine, &provider);
        assert!(mailq(&machine).contains("is empty"), "{}", mailq(&machine));
        let line = machine.syslog.line("closed ");
        assert!(line.contains("end=close_notify"), "{line}");
    });
}

/// Goal: with the certificate expired the message stays queued, mailq and the log show the bridge's sentence, and the
/// next run of the queue delivers it.
#[test]
fn sendmail_keeps_a_message_while_the_certificate_is_expired() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = sendmail() else { return };
        start(&machine, &provider.shipped(INETD, &provider.expired));
        send(&machine);
        let queue = mailq(&machine);
        // mailq cuts the reason after 60 characters.
        assert!(queue.contains("(Deferred: 421 4.7.5 smtp.example.com: certificate expired on)"), "{queue}");
        machine.syslog.line("stat=Deferred: 421 4.7.5 smtp.example.com: certificate expired on 2026-01-15");
        assert_eq!(provider.expired.inbox(), []);

        // The provider has renewed it.
        machine.write("/etc/inetd.conf", &provider.shipped(INETD, &provider.good));
        machine.sh("kill -HUP $(cat /run/inetd.pid)");
        // inetd reads its file when it gets around to it: the queue is run until the mail is through.
        until(Duration::from_secs(15), "the queue is empty", || {
            machine.sh(&format!("{SENDMAIL} -q"));
            mailq(&machine).contains("is empty")
        });
        assert_delivered(&machine, &provider);
    });
}

/// Goal: the warning in the shipped lines is true: below a directory that others may write the map is as good as not
/// there, and the log says so.
#[test]
fn sendmail_skips_auth_when_others_may_write_beside_the_map() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = sendmail() else { return };
        start(&machine, &provider.shipped(INETD, &provider.good));
        machine.sh("cd /etc/mail
             mkdir auth && mv authinfo* auth && chmod o+w auth
             sed -i 's,/etc/mail/authinfo,/etc/mail/auth/authinfo,' sendmail.cf");
        let said = send(&machine);
        assert!(said.contains("530 5.7.0 Authentication required") && !said.contains(">>> AUTH"), "{said}");
        machine.syslog.line("unsafe map file /etc/mail/auth/authinfo.db");
        assert_eq!(provider.good.inbox(), []);

        machine.sh("chmod o-w /etc/mail/auth");
        assert!(send(&machine).contains("Sent ("));
        assert_delivered(&machine, &provider);
    });
}

/// Debian's own sendmail.mc with our lines in it, and the authinfo map as the lines say.
fn sendmail() -> Option<Machine> {
    if without_tool("m4") || without_plain() {
        return None;
    }
    let machine = Machine::boot(&["openbsd-inetd", "sendmail"])?;
    machine.write("/etc/mail/lines.mc", LINES);
    let authinfo = LINES.lines().find_map(|line| line.strip_prefix("dnl authinfo: ")).expect("a line for authinfo");
    machine.write("/etc/mail/authinfo", &authinfo.replace("account", "alice").replace("P:password", "P:secret"));
    // What the packages do when they are configured: users, empty files, and the .cf from the .mc; no DNS here.
    machine.sh("cd /etc/mail
         printf 'smmta:x:990:990::/var:/bin/false\nsmmsp:x:991:991::/var:/bin/false\n' >> /etc/passwd
         printf 'smmta:x:990:\nsmmsp:x:991:\n' >> /etc/group
         cp service.switch-nodns service.switch
         touch m4/dialup.m4 m4/provider.m4 local-host-names relay-domains
         echo 'postmaster: root' > aliases
         debian=/usr/share/sendmail/cf/debian/sendmail.mc
         sed '/^MAILER_DEFINITIONS/,$d' $debian > sendmail.mc
         cat lines.mc >> sendmail.mc
         sed -n '/^MAILER_DEFINITIONS/,$p' $debian >> sendmail.mc
         m4 sendmail.mc > sendmail.cf
         makemap hash access < /dev/null
         chmod 600 authinfo && makemap hash authinfo < authinfo");
    machine.sh(&format!("{SENDMAIL} -bi"));
    Some(machine)
}

/// True, with a skip, where Cyrus SASL's plugins are not installed: sendmail would leave AUTH out.
fn without_plain() -> bool {
    let found = ["/usr/lib", "/usr/lib64"].iter().any(|lib| {
        let dirs = std::fs::read_dir(lib).into_iter().flatten().flatten().map(|entry| entry.path());
        dirs.chain([Path::new(lib).to_owned()]).any(|dir| dir.join("sasl2/libplain.so").exists())
    });
    if !found {
        skip("needs Cyrus SASL's PLAIN (libsasl2-modules)");
    }
    !found
}

/// Submits as root, and delivers before it returns.
fn send(machine: &Machine) -> String {
    machine
        .run(&format!(
            "printf 'Subject: hello\n\nfrom sendmail\n' | {SENDMAIL} -Am -v -odi -f alice@example.org bob@example.net"
        ))
        .text
}

fn mailq(machine: &Machine) -> String {
    machine.sh(&format!("{SENDMAIL} -Am -bp"))
}

#[track_caller]
fn assert_delivered(machine: &Machine, provider: &Provider) {
    let inbox = provider.good.inbox();
    let [message] = inbox.as_slice() else { panic!("one message, not {inbox:?}: {:#?}", machine.syslog.lines()) };
    assert_eq!(message.user, "alice");
    assert_eq!(
        (message.from.as_str(), message.to.as_slice()),
        ("alice@example.org", ["bob@example.net".to_owned()].as_slice())
    );
    assert!(String::from_utf8_lossy(&message.data).ends_with("\r\nfrom sendmail\r\n"));
}
