//! sendmail 8.17: the mailer way, in which it starts the bridge itself, and the way through a port.

use std::path::Path;

use crate::real::machine::Machine;
use crate::real::Provider;
use crate::support::limit::skip;
use crate::support::namespace::without_tool;

mod mailer;
mod port;

/// Debian's packages put sendmail itself here, and link it to /usr/sbin/sendmail when they are configured.
pub const SENDMAIL: &str = "/usr/libexec/sendmail/sendmail";

/// Debian's own sendmail.mc with our lines in it, and the authinfo map as the lines say.
pub fn sendmail(lines: impl FnOnce(&Machine) -> String) -> Option<Machine> {
    if without_tool("m4") || without_plain() {
        return None;
    }
    let machine = Machine::boot(&["openbsd-inetd", "tcpd", "sendmail"])?;
    configure(&machine, &lines(&machine));
    machine.sh(&format!("{SENDMAIL} -bi"));
    Some(machine)
}

pub(super) fn configure(machine: &Machine, lines: &str) {
    machine.write("/etc/mail/smtps-bridge.mc", lines);
    let authinfo = lines.lines().find_map(|line| line.strip_prefix("dnl authinfo: ")).expect("a line for authinfo");
    machine.write("/etc/mail/authinfo", &authinfo.replace("account", "alice").replace("P:password", "P:secret"));
    // What the packages do when they are configured: users, empty files, and the .cf from the .mc; no DNS here.
    machine.sh("cd /etc/mail
         if ! grep -q smmta /etc/passwd; then
             printf 'smmta:x:990:990::/var:/bin/false\nsmmsp:x:991:991::/var:/bin/false\n' >> /etc/passwd
             printf 'smmta:x:990:\nsmmsp:x:991:\n' >> /etc/group
         fi
         cp service.switch-nodns service.switch
         touch m4/dialup.m4 m4/provider.m4 local-host-names relay-domains
         echo 'postmaster: root' > aliases
         chmod 600 authinfo");
    build(machine, "smtps-bridge.mc");
    machine.sh("cd /etc/mail && makemap hash access < /dev/null && makemap hash authinfo < authinfo");
}

/// Debian's own sendmail.mc with this file of /etc/mail in it.
pub(super) fn build(machine: &Machine, lines: &str) {
    let said = machine.sh(&format!(
        "cd /etc/mail
         sed \"/^MAILER_DEFINITIONS/i include(\\`/etc/mail/{lines}')dnl\" \
             /usr/share/sendmail/cf/debian/sendmail.mc > sendmail.mc
         grep -q {lines} sendmail.mc
         m4 sendmail.mc > sendmail.cf
         # Many tests at once are a load at which it would leave its queue alone.
         sed -i 's/^#*O QueueLA=.*/O QueueLA=1000/; s/^#*O RefuseLA=.*/O RefuseLA=1000/' sendmail.cf
         {SENDMAIL} -bt -d0.1 < /dev/null"
    ));
    assert!(!said.contains("***") && !said.contains("Warning"), "{said}");
}

/// True, with a skip, if Cyrus SASL's plugins are not installed: sendmail would leave AUTH out.
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

/// Three messages of three recipients each, in one run of the queue.
fn queue_of_3(machine: &Machine) {
    for _ in 0..3 {
        machine.sh(&format!(
            "printf 'Subject: hello\n\nfrom sendmail\n' |
             {SENDMAIL} -Am -odq -f alice@example.org bob@example.net carol@example.net dave@example.org"
        ));
    }
    machine.sh(&format!("{SENDMAIL} -qf"));
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

#[track_caller]
fn keeps_while_others_may_write(machine: &Machine, provider: &Provider) {
    machine.sh("cd /etc/mail
         mkdir auth && mv authinfo* auth && chmod o+w auth
         sed -i 's,/etc/mail/authinfo,/etc/mail/auth/authinfo,' sendmail.cf");
    send(machine);
    machine.syslog.line("unsafe map file /etc/mail/auth/authinfo.db");
    let queue = mailq(machine);
    assert!(queue.contains("(hash map \"authinfo\": unsafe map file /etc/mail/auth/authinfo)"), "{queue}");
    assert_eq!(provider.good.inbox(), []);

    machine.sh("chmod o-w /etc/mail/auth");
    machine.sh(&format!("{SENDMAIL} -qf"));
    assert_delivered(machine, provider);
}
