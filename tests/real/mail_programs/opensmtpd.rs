//! OpenSMTPD, which sends no password over a plain hop: its own lines, and the bridge without AUTH.

use crate::support::limit::until;
use crate::support::namespace::{inside_for, without_tool};
use crate::support::peer::Peer;
use crate::support::smarthost::Smarthost;
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{Provider, LIMIT, NAME};

use super::{account, assert_arrived, listen, marked, PATIENCE, REASON};

/// Goal: the printed lines are a configuration, with the smarthost's name and port and nothing else of the bridge's.
#[test]
fn opensmtpd_takes_the_lines_for_its_own_tls() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["opensmtpd"]) else { return };
        let provider = Provider::new();
        let lines = provider.printed(&machine, "opensmtpd", &provider.good);
        let host = format!("relay host smtps://provider@{NAME}:{} auth <secrets>", provider.good.addr.port());
        assert!(lines.contains(&host), "{lines}");
        configure(&machine, &lines);
        assert!(machine.sh("smtpd -n 2>&1").contains("configuration OK"));
    });
}

/// Goal: the printed lines deliver with AUTH if the smarthost's CA is among Debian's.
#[test]
fn opensmtpd_relays_a_message_with_auth_by_its_own_tls() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = with_its_own_tls(&provider, &provider.good) else { return };
        submit(&machine);
        assert_arrived(&machine, &provider);
    });
}

/// Goal: and it looks at the certificate: the password goes to no one else.
#[test]
fn opensmtpd_sends_no_password_by_its_own_tls_while_the_certificate_is_expired() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = with_its_own_tls(&provider, &provider.expired) else { return };
        submit(&machine);
        machine.syslog.line("mta error reason=SSL certificate check failed");
        assert_eq!(provider.expired.inbox(), []);
    });
}

/// Goal: as the lines say, the bridge is of no use to it with AUTH: OpenSMTPD does not even dial.
#[test]
fn opensmtpd_takes_no_password_for_a_plain_hop() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = configured(|action| action.replace("smtp://", "smtp://provider@") + " auth <secrets>")
        else {
            return;
        };
        listen(&machine, &provider, false);
        machine.sh("smtpd -d > /var/tmp/smtpd 2>&1 &");
        submit(&machine);
        until(PATIENCE, "it says why", || {
            machine.sh("cat /var/tmp/smtpd").contains("Failed to parse smarthost smtp://provider@127.0.0.1:2525")
        });
        assert_eq!((provider.good.sessions(), provider.good.inbox()), (0, Vec::new()));
    });
}

/// Goal: to a smarthost that wants no password a message goes through the bridge, and no TLS in TLS.
#[test]
fn opensmtpd_relays_a_message_without_auth() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let leaf = provider.house.ca.leaf_for(&[NAME]);
        let peer = Peer::start(&leaf, |mut link| {
            let mut heard = Vec::new();
            link.send(b"220 smtp.example.com ESMTP\r\n");
            loop {
                let line = link.line();
                let reply: &[u8] = match line.trim_end() {
                    "DATA" => b"354 go\r\n",
                    "QUIT" | "." => b"250 2.0.0 ok\r\n",
                    line if line.starts_with("EHLO ") => b"250 smtp.example.com\r\n",
                    line if line.starts_with("MAIL ") || line.starts_with("RCPT ") => b"250 2.0.0 ok\r\n",
                    _ => b"",
                };
                link.send(reply);
                let last = line.trim_end() == ".";
                heard.push(line);
                if last {
                    return heard.concat();
                }
            }
        });
        let Some(machine) = opensmtpd() else { return };
        let words = format!("--ca-file {} {NAME}:{}", provider.house.dir.path("ca.pem").display(), peer.addr.port());
        // As its lines say.
        let lines = machine.sh(&format!("smtps-bridge --print-config inetd-debian {words}"));
        crate::real::superservers::inetd::start(&machine, &lines.replace("--require-auth smtp", "smtp"));
        submit(&machine);
        let heard = peer.done();
        assert!(
            heard.contains("MAIL FROM:<alice@example.org>") && heard.contains("RCPT TO:<bob@example.net>"),
            "{heard}"
        );
        assert!(heard.contains("from a mail program") && !heard.contains("STARTTLS"), "{heard}");
        tested(
            Role::MailProgram,
            "opensmtpd",
            "OpenSMTPD, without AUTH",
            &version("opensmtpd"),
            "mail, the reason in its log",
        );
    });
}

/// Goal: with the certificate expired its log has the bridge's sentence, and the message is no failure.
#[test]
fn opensmtpd_keeps_a_message_while_the_certificate_is_expired() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = opensmtpd() else { return };
        listen(&machine, &provider, true);
        submit(&machine);
        machine.syslog.line(&format!("mta error reason=BANNER rejected: {REASON}"));
        let ended = machine.syslog.lines().iter().any(|line| line.contains("result=\"PermFail\""));
        assert!(!ended, "{:#?}", machine.syslog.lines());
    });
}

/// It listens on port 25 for mail of this machine, and relays it to the bridge as the lines say.
pub(super) fn opensmtpd() -> Option<Machine> {
    let machine = configured(str::to_owned)?;
    machine.sh("smtpd 2>&1");
    Some(machine)
}

/// It will listen on port 25 for mail of this machine, and relay it to the bridge as the lines say, or nearly so.
fn configured(change: fn(&str) -> String) -> Option<Machine> {
    if without_tool("swaks") {
        return None;
    }
    let machine = Machine::boot(&["openbsd-inetd", "opensmtpd"])?;
    let lines = machine.sh(&format!("smtps-bridge --print-config opensmtpd {NAME}"));
    let action = change(&marked(&lines, "bridge"));
    let lines: Vec<&str> = lines.lines().filter(|line| !line.starts_with("action ")).collect();
    let (table, matches) = lines.split_at(lines.iter().position(|line| line.starts_with("match ")).expect("a match"));
    configure(&machine, &format!("listen on lo port 25\n{}\n{action}\n{}\n", table.join("\n"), matches.join("\n")));
    Some(machine)
}

/// It listens on port 25 for mail of this machine, trusts the test's CA, and has the printed lines as they are.
fn with_its_own_tls(provider: &Provider, host: &Smarthost) -> Option<Machine> {
    if without_tool("swaks") {
        return None;
    }
    let machine = Machine::boot(&["opensmtpd"])?;
    let lines = provider.printed(&machine, "opensmtpd", host);
    configure(&machine, &format!("listen on lo port 25\n{lines}"));
    machine.write("/etc/mail/secrets", &format!("{}\n", account(&marked(&lines, "password"))));
    machine.sh(&format!("cp {} /etc/ssl/certs/ca-certificates.crt", provider.house.dir.path("ca.pem").display()));
    machine.sh("smtpd 2>&1");
    Some(machine)
}

/// What Debian's package does when it is configured, and a file for the account.
fn configure(machine: &Machine, lines: &str) {
    machine.write("/etc/smtpd.conf", lines);
    machine.sh("printf 'opensmtpd:x:990:990::/var:/bin/false\nopensmtpq:x:991:991::/var:/bin/false\n' >> /etc/passwd
        printf 'opensmtpd:x:990:\nopensmtpq:x:991:\n' >> /etc/group
        install -d -m 711 /var/spool/smtpd /var/lib/opensmtpd/empty
        install -d -m 700 -o opensmtpq /var/spool/smtpd/purge
        touch /etc/aliases
        mkdir -p /etc/mail && echo 'provider alice:secret' > /etc/mail/secrets");
}

fn submit(machine: &Machine) {
    until(PATIENCE, "it takes a message", || {
        machine
            .run("swaks --server 127.0.0.1:25 --from alice@example.org --to bob@example.net --body 'from a mail program'")
            .code
            == Some(0)
    });
}
