//! Programs without a queue, through openbsd-inetd: each shows the bridge's sentence to its user.

use crate::support::namespace::{inside_for, without_tool};
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{Provider, LIMIT};

use super::{account, assert_arrived, listen, MESSAGE, REASON};

/// Goal: msmtp with the printed lines: mail with AUTH; and each failure with the reason and an exit code of its own.
#[test]
fn msmtp_relays_a_message_and_says_why_not() {
    inside_for(LIMIT, || {
        const SEND: &str = "msmtp -f alice@example.org bob@example.net";
        let Some((machine, provider)) = relays(&["msmtp"], SEND, |machine, provider| {
            machine.write(
                "/etc/msmtprc",
                &provider
                    .printed(machine, "msmtp", &provider.good)
                    .replace("user account", "user alice")
                    .replace("password password", "password secret"),
            );
            machine.sh("chmod 600 /etc/msmtprc");
        }) else {
            return;
        };
        for (change, code, reason) in [
            ("s/^password .*/password wrong/", 77, "535 5.7.8 Authentication credentials invalid"),
            ("s/^auth .*/auth on/", 69, "cannot use a secure authentication method"),
        ] {
            machine.sh(&format!("sed -i '{change}' /etc/msmtprc"));
            let said = machine.run(&format!("printf '{MESSAGE}' | {SEND}"));
            assert!(said.code == Some(code) && said.text.contains(reason), "{said:?}");
        }
        machine.sh("sed -i 's/^auth .*/auth plain/; s/wrong/secret/' /etc/msmtprc");
        assert_eq!(expired(&machine, &provider, SEND), Some(76));
        tested(Role::MailProgram, "msmtp", "msmtp", &version("msmtp"), WITHOUT_QUEUE);
    });
}

/// Goal: ssmtp with the printed lines: why there is no session stands in the bridge's log only.
#[test]
fn ssmtp_relays_a_message_and_fails_without_the_reason() {
    inside_for(LIMIT, || {
        const SEND: &str = "sed '1i From: alice@example.org' | HOME=/var/tmp ssmtp bob@example.net";
        let Some((machine, provider)) = relays(&["ssmtp"], SEND, |machine, provider| {
            let lines = provider.printed(machine, "ssmtp", &provider.good);
            machine.write("/etc/ssmtp/ssmtp.conf", &account(&lines));
        }) else {
            return;
        };
        switch(&machine, &provider);
        let said = machine.run(&format!("printf '{MESSAGE}' | {SEND}"));
        assert!(said.code == Some(1) && said.text.contains("Invalid response SMTP server"), "{said:?}");
        machine.syslog.line("failed stage=handshake host=smtp.example.com ");
        let result = "mail with AUTH; the reason in the bridge's log only";
        tested(Role::MailProgram, "ssmtp", "ssmtp", &version("ssmtp"), result);
    });
}

/// Goal: esmtp relays; libesmtp keeps the reason to itself, and only the bridge's own log line has it.
#[test]
fn esmtp_relays_a_message_and_fails_without_the_reason() {
    inside_for(LIMIT, || {
        const SEND: &str = "esmtp -f alice@example.org bob@example.net";
        let Some((machine, provider)) = relays(&["esmtp"], SEND, |machine, _| {
            let lines = "hostname = 127.0.0.1:2525\nusername = \"alice\"\npassword = \"secret\"\nstarttls = disabled\n";
            machine.write("/etc/esmtprc", lines);
        }) else {
            return;
        };
        switch(&machine, &provider);
        let said = machine.run(&format!("printf '{MESSAGE}' | {SEND}"));
        assert!(said.code == Some(69) && !said.text.contains("421"), "{said:?}");
        machine.syslog.line("failed stage=handshake host=smtp.example.com ");
        let result = "mail with AUTH; the reason in the bridge's log only";
        tested(Role::MailProgram, "esmtp", "esmtp", &version("esmtp"), result);
    });
}

/// Goal: swaks shows the whole dialogue, the 421 included.
#[test]
fn swaks_relays_a_message_through_a_port() {
    inside_for(LIMIT, || {
        const SEND: &str = "swaks --server 127.0.0.1:2525 --auth PLAIN --auth-user alice --auth-password secret \
                            --from alice@example.org --to bob@example.net --data -";
        command("swaks", SEND, "swaks --version | sed -n '1s/.*version //p'");
    });
}

/// Goal: the printed script starts the bridge by itself: nothing listens.
#[test]
fn the_printed_script_of_swaks_sends_a_message_through_a_pipe() {
    inside_for(LIMIT, || {
        if without_tool("swaks") {
            return;
        }
        let provider = Provider::new();
        let Some(machine) = Machine::boot(&[]) else { return };
        let send = |host| {
            let script = provider.printed(&machine, "swaks", host);
            let script = script.replace("--auth-user account", "--auth-user alice --auth-password secret");
            let script =
                script.replace("me@example.com", "alice@example.org").replace("you@example.com", "bob@example.net");
            machine.write("/etc/send", &script);
            machine.run("sh /etc/send --body 'from a mail program'")
        };
        let said = send(&provider.good);
        assert_arrived(&machine, &provider);
        assert_eq!(said.code, Some(0), "{said:?}");
        let said = send(&provider.expired);
        assert!(said.code != Some(0) && said.text.contains(&format!("<** {REASON}")), "{said:?}");
        let version = machine.sh("swaks --version | sed -n '1s/.*version //p'");
        tested(Role::MailProgram, "swaks-pipe", "swaks --pipe", version.trim(), WITHOUT_QUEUE);
    });
}

/// Goal: the printed script of busybox's sendmail starts the bridge by itself, with the account on descriptor 4. If all is
/// well, nothing is printed.
#[test]
fn the_printed_script_of_busybox_sends_a_message_through_a_pipe() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = Machine::boot(&["busybox"]) else { return };
        let send = |host| {
            let script = provider.printed(&machine, "busybox", host);
            let script = script.replace("\naccount\npassword\n", "\nalice\nsecret\n");
            machine.write("/etc/send", &script.replace("me@example.com", "alice@example.org"));
            machine.run(&format!("printf '{MESSAGE}' | sh /etc/send bob@example.net"))
        };
        let said = send(&provider.good);
        assert_arrived(&machine, &provider);
        assert_eq!((said.code, said.text.as_str()), (Some(0), ""));
        let said = send(&provider.expired);
        assert!(said.code != Some(0) && said.text.contains("certificate expired on 2026-01-15"), "{said:?}");
        tested(Role::MailProgram, "busybox", "busybox sendmail", &version("busybox"), WITHOUT_QUEUE);
    });
}

/// Goal: curl says the reason with -v; without, its exit code is all.
#[test]
fn curl_relays_a_message_through_a_port() {
    inside_for(LIMIT, || {
        const SEND: &str = "curl -sSv smtp://127.0.0.1:2525 --user alice:secret --mail-from alice@example.org \
                            --mail-rcpt bob@example.net --crlf -T -";
        command("curl", SEND, "curl --version | sed -n '1s/^curl \\([^ ]*\\).*/\\1/p'");
    });
}

/// Goal: Python's smtplib raises the reason.
#[test]
fn smtplib_relays_a_message_through_a_port() {
    inside_for(LIMIT, || {
        const SEND: &str = "/usr/bin/python3 -c 'import smtplib, sys
with smtplib.SMTP(\"127.0.0.1\", 2525) as smtp:
    smtp.login(\"alice\", \"secret\")
    smtp.sendmail(\"alice@example.org\", [\"bob@example.net\"], sys.stdin.read())'";
        command("python3", SEND, "/usr/bin/python3 -V | sed 's/^Python //'");
    });
}

/// Goal: Perl's Net::SMTP, with Authen::SASL, hands over the reason.
#[test]
fn net_smtp_relays_a_message_through_a_port() {
    inside_for(LIMIT, || {
        const SEND: &str = "/usr/bin/perl -MNet::SMTP -e '
my $smtp = Net::SMTP->new(\"127.0.0.1\", Port => 2525, Debug => 1) or die \"$@\\n\";
$smtp->auth(\"alice\", \"secret\") or die $smtp->message;
$smtp->mail(q(alice@example.org)) and $smtp->to(q(bob@example.net)) and $smtp->data(<STDIN>) or die $smtp->message;
$smtp->quit;'";
        command("perl", SEND, "/usr/bin/perl -MNet::SMTP -e 'print Net::SMTP->VERSION'");
    });
}

const WITHOUT_QUEUE: &str = "mail with AUTH, the reason on its output";

/// A program that is installed, and needs no configuration.
fn command(name: &str, send: &str, its_version: &str) {
    if without_tool(name) {
        return;
    }
    let Some((machine, provider)) = relays(&[], send, |_, _| {}) else { return };
    assert_ne!(expired(&machine, &provider, send), Some(0));
    let version = machine.sh(its_version);
    let program = match name {
        "python3" => "Python's smtplib",
        "perl" => "Perl's Net::SMTP",
        name => name,
    };
    tested(Role::MailProgram, name, program, version.trim(), WITHOUT_QUEUE);
}

/// A message arrives, authenticated.
fn relays(peers: &[&str], send: &str, configure: impl FnOnce(&Machine, &Provider)) -> Option<(Machine, Provider)> {
    let provider = Provider::new();
    let machine = Machine::boot(&[&["openbsd-inetd"], peers].concat())?;
    listen(&machine, &provider, false);
    configure(&machine, &provider);
    machine.sh(&format!("printf '{MESSAGE}' | {send}"));
    assert_arrived(&machine, &provider);
    Some((machine, provider))
}

/// What the program says when the certificate has expired has the bridge's sentence in it; its exit code.
#[track_caller]
fn expired(machine: &Machine, provider: &Provider, send: &str) -> Option<i32> {
    switch(machine, provider);
    let said = machine.run(&format!("printf '{MESSAGE}' | {send}"));
    // smtplib shows code and text apart.
    let text = REASON.strip_prefix("421 ").expect("a code");
    assert!(said.text.contains("421") && said.text.contains(text), "{said:?}");
    assert_eq!(provider.good.inbox().len(), 1);
    said.code
}

/// inetd starts the bridge to the expired smarthost from now on.
#[track_caller]
fn switch(machine: &Machine, provider: &Provider) {
    machine.sh("kill $(cat /run/inetd.pid)");
    crate::support::limit::until(super::PATIENCE, "inetd is gone", || !crate::real::machine::listening());
    listen(machine, provider, true);
}
