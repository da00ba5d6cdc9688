//! Programs without a queue: the mail stays with the user who started them and reads what they say. qmail-remote's caller
//! is qmail, which has one.

use super::*;

use crate::support::limit::skip_in_ci_too;
use crate::support::namespace::without_tool;

use crate::real::mail_programs::listen;

/// Goal: see `waits`.
#[test]
fn msmtp_says_why_it_could_not_log_in() {
    inside_for(LIMIT, || waits(&MSMTP, STOPS, WITHOUT));
}

#[test]
fn ssmtp_says_why_it_could_not_log_in() {
    const PROGRAM: Program = Program {
        key: "10-ssmtp",
        name: "ssmtp (`ssmtp`)",
        place: "its output",
        boot: |provider| {
            let machine = listening(&["ssmtp"], provider)?;
            machine.write("/etc/ssmtp/printed", &provider.printed(&machine, "ssmtp", &provider.good));
            Some(machine)
        },
        point: through_inetd,
        password:
            "if [ \"$password\" ]; then change=\"s/^AuthUser=.*/AuthUser=alice/; s/^AuthPass=.*/AuthPass=$password/\"
                   else change=/^Auth/d; fi
                   sed \"$change\" /etc/ssmtp/printed > /etc/ssmtp/ssmtp.conf",
        send: "printf 'From: alice@example.org\nSubject: hello\n\nfrom a mail program\n' |
               HOME=/var/tmp ssmtp bob@example.net",
        queue: None,
    };
    inside_for(LIMIT, || waits(&PROGRAM, STOPS, WITHOUT));
}

/// Goal: the printed script, which starts the bridge, in a busybox that has its sendmail; `-v` is for its words.
#[test]
fn busybox_says_why_it_could_not_log_in() {
    inside_for(LIMIT, || waits(&BUSYBOX, STOPS, WITHOUT));
}

#[test]
fn swaks_says_why_it_could_not_log_in() {
    inside_for(LIMIT, || waits(&SWAKS, STOPS, WITHOUT));
}

#[test]
fn curl_says_why_it_could_not_log_in() {
    const PROGRAM: Program = Program {
        key: "13-curl",
        name: "curl",
        place: "its output, with `-v`",
        boot: |provider| with("curl", provider),
        send: "printf 'Subject: hello\n\nfrom a mail program\n' |
               curl -sSv --crlf ${password:+--user alice:$password} --upload-file - --mail-from alice@example.org \
               --mail-rcpt bob@example.net smtp://127.0.0.1:2525",
        ..SCRIPT
    };
    inside_for(LIMIT, || waits(&PROGRAM, STOPS, WITHOUT));
}

#[test]
fn smtplib_says_why_it_could_not_log_in() {
    const PROGRAM: Program = Program {
        key: "14-smtplib",
        name: "Python's smtplib",
        boot: |provider| with("python3", provider),
        send: r#"/usr/bin/python3 - "$password" << END
import smtplib, sys
with smtplib.SMTP("127.0.0.1", 2525) as smtp:
    if sys.argv[1]:
        smtp.login("alice", sys.argv[1])
    smtp.sendmail("alice@example.org", ["bob@example.net"], "Subject: hello\n\nfrom a mail program\n")
END"#,
        ..SCRIPT
    };
    inside_for(LIMIT, || waits(&PROGRAM, STOPS, WITHOUT));
}

#[test]
fn net_smtp_says_why_it_could_not_log_in() {
    const PROGRAM: Program = Program {
        key: "15-net-smtp",
        name: "Perl's Net::SMTP",
        boot: |provider| with("perl", provider),
        send: r#"/usr/bin/perl -w - "$password" << "END"
use Net::SMTP;
my $smtp = Net::SMTP->new("127.0.0.1", Port => 2525) or die $@;
sub said { die $smtp->code, " ", $smtp->message }
!$ARGV[0] or $smtp->auth("alice", $ARGV[0]) or said;
$smtp->mail("alice\@example.org") or said;
$smtp->to("bob\@example.net") or said;
$smtp->data("Subject: hello\n\nfrom a mail program\n") or said;
$smtp->quit;
END"#,
        ..SCRIPT
    };
    inside_for(LIMIT, || waits(&PROGRAM, STOPS, WITHOUT));
}

#[test]
fn nodemailer_says_why_it_could_not_log_in() {
    const PROGRAM: Program = Program {
        key: "16-nodemailer",
        name: "nodemailer",
        boot: |provider| if without_tool("node") { None } else { listening(&["nodemailer"], provider) },
        send: r#"NODE_PATH=/usr/lib/node_modules node - "$password" << END
const pass = process.argv[2];
const transport = require("nodemailer").createTransport({
  host: "127.0.0.1", port: 2525, ignoreTLS: true, auth: pass ? { user: "alice", pass } : undefined });
transport.sendMail({ from: "alice@example.org", to: "bob@example.net", text: "from a mail program" });
END"#,
        ..SCRIPT
    };
    inside_for(LIMIT, || waits(&PROGRAM, STOPS, WITHOUT));
}

/// Goal: esmtp keeps the words to itself, but its caller hears that the mail has not gone.
#[test]
fn esmtp_fails_when_it_cannot_log_in() {
    const PROGRAM: Program = Program {
        boot: |provider| listening(&["esmtp"], provider),
        send: "printf 'hostname = 127.0.0.1:2525\nstarttls = disabled\n' > /var/tmp/esmtprc
               [ -z \"$password\" ] || printf 'username = alice\npassword = %s\n' $password >> /var/tmp/esmtprc
               printf 'Subject: hello\n\nfrom a mail program\n' |
                   esmtp -C /var/tmp/esmtprc -f alice@example.org bob@example.net",
        ..SCRIPT
    };
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = (PROGRAM.boot)(&provider) else { return };
        through_inetd(&machine, &Lines { machine: &machine, words: &provider.words(&provider.good), option: true });
        for (password, arrived) in [("", 0), ("wrong", 0), (RIGHT, 1)] {
            let said = machine.run(&format!("password={password}\n{}", PROGRAM.send));
            assert_eq!(said.code == Some(0), arrived == 1, "{password:?}: {}", said.text);
            assert_eq!(provider.good.inbox().len(), arrived, "{password:?}");
        }
    });
}

/// Goal: qmail-remote cannot log in, so its mail waits, and without the option it bounces.
///
/// No registry has it: `make qmail-remote` of notqmail 1.09, copied to target/peers/notqmail/usr/bin, is what this wants.
/// (With the patch smtp-auth of notqmail's repository it logs in, and after a refusal waits for a second reply.)
#[test]
fn mail_of_qmail_remote_waits_because_it_never_logs_in() {
    const PROGRAM: Program = Program {
        key: "17-qmail-remote",
        name: "qmail-remote",
        place: "qmail's log",
        boot: |provider| listening(&["notqmail"], provider),
        point: through_inetd,
        password: "mkdir -p /var/qmail/control && cd /var/qmail/control && echo mailer.example.test > me
                   echo :127.0.0.1:2525 > smtproutes",
        // Its verdicts are words of its output.
        send: "printf 'Subject: hello\n\nfrom a mail program\n' |
               qmail-remote example.net alice@example.org bob@example.net > /var/tmp/verdict
               tr '\\0' '\\n' < /var/tmp/verdict
               case $(tr '\\0' '\\n' < /var/tmp/verdict | grep '^[KZD]') in K*) ;; Z*) exit 111 ;; *) exit 100 ;; esac",
        queue: None,
    };
    inside_for(LIMIT, || {
        if !Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/notqmail").is_dir() {
            return skip_in_ci_too("needs qmail-remote, which no registry has");
        }
        waits(&PROGRAM, &[(Missing, Waits(NO_PASSWORD))], &[(Missing, Bounces(S530))]);
    });
}

pub const MSMTP: Program = Program {
    key: "09-msmtp",
    name: "msmtp (`msmtp`)",
    place: "its output",
    boot: |provider| {
        let machine = listening(&["msmtp"], provider)?;
        machine.write("/etc/msmtprc.printed", &provider.printed(&machine, "msmtp", &provider.good));
        Some(machine)
    },
    point: through_inetd,
    password: "umask 77; cd /etc && if [ \"$password\" ]; then change=s/^password.*/password\\ $password/
               else change=s/^auth.*/auth\\ off/; fi
               sed \"$change; s/^user account/user alice/\" msmtprc.printed > msmtprc",
    send: "printf 'Subject: hello\n\nfrom a mail program\n' | msmtp -f alice@example.org bob@example.net",
    queue: None,
};

pub const BUSYBOX: Program = Program {
    key: "11-busybox",
    name: "busybox (`busybox`)",
    place: "its output, with `-v`",
    boot: |_| Machine::boot(&["busybox"]),
    point: |machine, lines| machine.write("/etc/send.printed", &lines.of("busybox")),
    password: "cd /etc && if [ \"$password\" ]; then change=\"s/-appassword/-ap$password/; s/^password$/$password/\"
               else change='s/ -a[mup][^ ]*//g'; fi
               sed \"s/me@example.com/alice@example.org/; s/-auaccount/-aualice/; s/^account$/alice/; $change\" \
                   send.printed > send",
    send: "printf 'Subject: hello\n\nfrom a mail program\n' | sh /etc/send -v bob@example.net",
    queue: None,
};

pub const SWAKS: Program = Program {
    key: "12-swaks",
    name: "swaks",
    boot: |provider| with("swaks", provider),
    send: "swaks --server 127.0.0.1:2525 ${password:+--auth PLAIN --auth-user alice --auth-password $password} \
           --from alice@example.org --to bob@example.net",
    ..SCRIPT
};

/// What needs no lines and no password of its own: both stand in the command.
const SCRIPT: Program = Program {
    key: "",
    name: "",
    place: "its output",
    boot: |_| None,
    point: through_inetd,
    password: "",
    send: "",
    queue: None,
};

/// The program stops at AUTH by itself, with the smarthost's words.
const STOPS: Fates = &[(Wrong, Fails(S535)), (Missing, Fails(NO_PASSWORD)), (Later, Fails(S454))];
const WITHOUT: Fates = &[(Missing, Fails(S530))];

fn with(tool: &str, provider: &Provider) -> Option<Machine> {
    if without_tool(tool) {
        return None;
    }
    listening(&[], provider)
}

fn listening(peers: &[&str], provider: &Provider) -> Option<Machine> {
    let machine = Machine::boot(&[&["openbsd-inetd"], peers].concat())?;
    listen(&machine, provider, false);
    Some(machine)
}
