//! The README's own lines, taken out of the file: sendmail and Postfix from nothing to a message, and, for every program
//! in its table, mail of root that leaves as the account's own address.

use crate::support::limit::until;
use crate::support::namespace::inside_for;

use crate::real::machine::Machine;
use crate::real::readme::{code, readme};
use crate::real::{Provider, LIMIT, NAME};

use super::sendmail::{self, SENDMAIL};
use super::{account, dma, exim, listen, nullmailer, postfix, PATIENCE};

/// The address in the README that a provider accepts.
const ACCOUNT: &str = "me@example.com";
/// root's message, for a program that takes recipients as its arguments and the user who starts it as the sender.
const SEND: &str = "printf 'Subject: hello\\n\\nhello\\n' |";

/// Goal: each line of the section is used in the place that the text gives.
#[test]
fn the_lines_of_the_readme_for_sendmail_send_a_message_of_root_as_the_account() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = sendmail::sendmail(|machine| provider.printed(machine, "sendmail", &provider.good)) else {
            return;
        };
        machine.sh("rm /etc/mail/smtps-bridge.mc /etc/mail/authinfo* /etc/mail/sendmail.mc");
        let mut lines = code("## sendmail").into_iter();
        let print = lines.next().expect("a command");
        machine.sh(&print.replace(NAME, &provider.words(&provider.good)));
        let (macros, rest): (Vec<String>, Vec<String>) = lines.partition(|line| line.ends_with("dnl"));
        let macros = macros.join("\n").replace("nas.home.example", "mailer.example.test");
        machine.write("/etc/mail/readme.mc", &format!("{macros}\n"));
        let authinfo = rest[0].replace(":account", ":alice").replace("P:password", "P:secret");
        machine.write("/etc/mail/authinfo", &format!("{authinfo}\n"));
        let user = readme().split('`').find(|words| *words == format!("root {ACCOUNT}")).map(str::to_owned);
        machine.write("/etc/mail/genericstable", &format!("{}\n", user.expect("a line for genericstable")));
        let [_, authinfo, generics, build, proof] = rest.as_slice() else { panic!("five lines: {rest:?}") };
        assert_eq!(build, "sendmailconfig && systemctl restart sendmail");
        machine.sh(&format!("{authinfo}\n{generics}"));
        sendmail::build(&machine, "readme.mc");
        machine.sh(&proof.replace("| sendmail ", &format!("| {SENDMAIL} ")));
        assert_sent(&machine, &provider);
    });
}

/// Goal: the commands replace what main.cf had under the same names.
#[test]
fn the_commands_of_the_readme_for_postfix_send_a_message() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = postfix::postfix(&provider, false) else { return };
        machine.sh("sed -i '/^smtps-bridge/,$d' /etc/postfix/master.cf
            postconf -e default_transport=smtp relay_transport=relay relayhost=elsewhere.example.net");
        for command in code("## Other mail programs") {
            machine.sh(&command);
        }
        machine.sh(&cure("postfix"));
        machine.sh("postfix check 2> /dev/null && postfix reload 2> /dev/null");
        machine.sh(&format!("{SEND} sendmail bob@example.net"));
        assert_sent(&machine, &provider);
    });
}

#[test]
fn exim_sends_mail_of_root_as_the_account() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = exim::exim(&provider, false) else { return };
        machine.sh(&cure("exim"));
        machine.sh(&format!("{SEND} exim4 -odf bob@example.net"));
        assert_sent(&machine, &provider);
    });
}

#[test]
fn nullmailer_sends_mail_of_root_as_the_account() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = nullmailer::nullmailer(&provider, false) else { return };
        machine.sh(&cure("nullmailer"));
        machine.sh(&format!("{SEND} nullmailer-inject bob@example.net"));
        machine.run(nullmailer::RUN);
        assert_sent(&machine, &provider);
    });
}

#[test]
fn dma_sends_mail_of_root_as_the_account() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = dma::dma(&provider, false) else { return };
        machine.sh(&cure("dma"));
        machine.sh(&format!("{SEND} dma bob@example.net"));
        assert_sent(&machine, &provider);
    });
}

#[test]
fn msmtp_sends_mail_of_root_as_the_account() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = Machine::boot(&["openbsd-inetd", "msmtp"]) else { return };
        listen(&machine, &provider, false);
        let lines = provider.printed(&machine, "msmtp", &provider.good);
        let lines = lines.replace("user account", "user alice").replace("password password", "password secret");
        machine.write("/etc/msmtprc", &lines);
        machine.sh(&cure("msmtp"));
        machine.sh(&format!("chmod 600 /etc/msmtprc; {SEND} sed '1i From: root' | msmtp bob@example.net"));
        assert_sent(&machine, &provider);
        let data = provider.good.inbox().remove(0).data;
        assert!(String::from_utf8_lossy(&data).contains(&format!("From: {ACCOUNT}\r\n")), "{data:?}");
    });
}

#[test]
fn ssmtp_sends_mail_of_root_as_the_account() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = Machine::boot(&["openbsd-inetd", "ssmtp"]) else { return };
        listen(&machine, &provider, false);
        let lines = provider.printed(&machine, "ssmtp", &provider.good);
        machine.write("/etc/ssmtp/ssmtp.conf", &account(&lines));
        machine.sh(&cure("ssmtp"));
        machine.sh(&format!("{SEND} HOME=/var/tmp ssmtp bob@example.net"));
        assert_sent(&machine, &provider);
    });
}

/// The README's command for a provider that accepts no sender but the account's own address.
fn cure(kind: &str) -> String {
    let readme = readme();
    let mut rows = readme.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let row = rows.find(|row| row.contains(&format!(" | `{kind}` | `"))).expect("a row of the table");
    row.rsplit(" | ").next().unwrap_or_default().trim_matches('`').to_owned()
}

#[track_caller]
fn assert_sent(machine: &Machine, provider: &Provider) {
    until(PATIENCE, &format!("a message arrives: {:#?}", machine.syslog.lines()), || !provider.good.inbox().is_empty());
    let inbox = provider.good.inbox();
    let [message] = inbox.as_slice() else { panic!("one message, not {inbox:?}") };
    assert_eq!((message.user.as_str(), message.from.as_str()), ("alice", ACCOUNT));
}
