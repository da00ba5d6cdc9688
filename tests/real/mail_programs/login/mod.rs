//! Mail whose password is wrong, missing, or cannot be checked just now. With `--require-auth` it waits, with the reason
//! beside it, and leaves once the cause is gone; without the option many programs lose it. The smarthost is a real
//! Postfix, and if it answers AUTH with 454, our own. What each program does is a table of tests/README.md.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::real::machine::Machine;
use crate::real::smarthosts::postfix::postfix;
use crate::real::{Provider, LIMIT, NAME};
use crate::support::namespace::inside_for;

use trial::{through_inetd, Lines, Trial};

mod flush;
mod in_clear;
mod queued;
mod trial;
mod unqueued;

struct Program {
    /// Orders the rows of the table.
    key: &'static str,
    name: &'static str,
    /// Where its user finds the reason.
    place: &'static str,
    /// A machine with the program on it, its lines, and alice's password; None, with a skip, if it is missing.
    boot: fn(&Provider) -> Option<Machine>,
    /// Lets the bridge be started as these lines say.
    point: fn(&Machine, &Lines),
    /// Shell after which alice's password is $password; if that is empty there is none.
    password: &'static str,
    /// Shell that submits her message to bob; $password is set here too.
    send: &'static str,
    queue: Option<Queue>,
}

struct Queue {
    /// Shell that tries all of it again.
    retry: &'static str,
    /// Shell that shows it.
    list: &'static str,
    /// What that shows of each message, for grep(1).
    message: &'static str,
    reasons: Reasons,
    /// What is logged of a message that stays.
    deferred: &'static str,
    /// What is logged of a message that goes back.
    bounced: &'static str,
}

#[derive(PartialEq, Eq)]
enum Reasons {
    /// In what `list` shows, too.
    Queue,
    /// In syslog, or on the output of `retry`, only.
    Log,
    /// In this file, which is empty when the password has been set.
    File(&'static str),
}

/// What is wrong with the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Wrong,
    Missing,
    /// The smarthost cannot check the password just now: 454.
    Later,
}

/// What became of a message, with whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Sent,
    Waits(&'static str),
    /// There is no queue: the program's exit code tells its caller.
    Fails(&'static str),
    Bounces(&'static str),
}

use Cause::{Later, Missing, Wrong};
use Fate::{Bounces, Fails, Sent, Waits};

type Fates = &'static [(Cause, Fate)];

const REFUSED: &str = "login refused: 535";
const LATER: &str = "login refused: 454";
const NO_PASSWORD: &str = "not logged in: no password given";
/// The smarthost's own, to AUTH and to MAIL.
const S535: &str = "535";
const S454: &str = "454";
const S530: &str = "530";
/// sendmail's own, for a 454.
const TEMPORARY: &str = "Temporary AUTH failure";
/// What the bridge says of a smarthost that gives no session.
const NO_SESSION: &str = "the bridge's reason";
const EXIMS_OWN: &str = "authentication required but authentication attempt(s) failed";

/// How to recognise whose words a program shows: ours first, and the last word of a session before the first one.
const WORDS: [(&str, &str); 11] = [
    (REFUSED, "4.7.0 smtp.example.com: login refused: 535 5.7"),
    (LATER, "4.7.0 smtp.example.com: login refused: 454 4.7"),
    // As far as sendmail's mailq shows it.
    (NO_PASSWORD, "4.7.0 smtp.example.com: not logged in: no pass"),
    (TEMPORARY, TEMPORARY),
    (S530, "5.7.0 Authentication required"),
    (S535, "5.7.8 "),
    (S454, "4.7.0 Temporary authentication failure"),
    (EXIMS_OWN, EXIMS_OWN),
    (NO_SESSION, " smtp.example.com: the server "),
    (NO_SESSION, " smtp.example.com: text behind the "),
    (NO_SESSION, " smtp.example.com: certificate "),
];

/// Goal of each such test: with the option the fates of mail that cannot log in are these, and what waits arrives once
/// the cause is gone. Without the option they are those, so that the test could fail.
#[track_caller]
fn waits(program: &'static Program, with: Fates, without: Fates) {
    let Some(real) = postfix("") else { return };
    let provider = Provider::new();
    let words = provider.words(&provider.good);
    let inbox = || provider.good.inbox().iter().filter(|message| message.to == [BOB]).count();
    for (cause, fate) in without {
        let Some(machine) = (program.boot)(&provider) else { return };
        (program.point)(&machine, &Lines { machine: &machine, words: &words, option: false });
        provider.good.busy(*cause == Later);
        let seen = Trial { program, machine: &machine, inbox: &inbox }.attempt(cause.password(), program.send);
        assert_eq!(seen, *fate, "without the option, {cause}");
    }

    let Some(machine) = (program.boot)(&provider) else { return };
    let expected = |cause| with.iter().find(|(of, _)| *of == cause).map(|(_, fate)| *fate);
    if let Some(fate) = expected(Later) {
        (program.point)(&machine, &Lines { machine: &machine, words: &words, option: true });
        let trial = Trial { program, machine: &machine, inbox: &inbox };
        provider.good.busy(true);
        assert_eq!(trial.attempt(RIGHT, program.send), fate);
        provider.good.busy(false);
        assert_eq!(trial.next(fate, RIGHT), Sent, "after a 454");
    }

    let words = format!("--ca-file {} {NAME}:465", real.house.dir.path("ca.pem").display());
    (program.point)(&machine, &Lines { machine: &machine, words: &words, option: true });
    let inbox = || (real.inbox)().iter().filter(|message| message.to == [BOB]).count();
    let trial = Trial { program, machine: &machine, inbox: &inbox };
    let missing = trial.attempt(Missing.password(), program.send);
    assert_eq!(Some(missing), expected(Missing));
    if let Some(fate) = expected(Wrong) {
        assert_eq!(trial.next(missing, Wrong.password()), fate);
        assert_eq!(trial.next(fate, RIGHT), Sent, "after a wrong password");
    }
    row(program, with, without);
}

const BOB: &str = "bob@example.net";
const RIGHT: &str = "secret";

impl Cause {
    fn password(self) -> &'static str {
        match self {
            Wrong => "wrong",
            Missing => "",
            Later => RIGHT,
        }
    }
}

/// What became of this program's mail, in a row.
fn row(program: &Program, with: Fates, without: Fates) {
    let cell = |cause| with.iter().find(|(of, _)| *of == cause).map_or("-".to_owned(), |(_, fate)| fate.to_string());
    let [wrong, missing, later] = [Wrong, Missing, Later].map(cell);
    let right = if wrong == "-" { "-" } else { "sent" };
    // No program has two fates here.
    let fate = without.first().map_or("", |(_, fate)| fate.kind());
    let causes: Vec<String> = without.iter().map(|(cause, _)| cause.to_string()).collect();
    let without = format!("{fate} with {}", causes.join(", "));
    let cells = [program.name, right, &wrong, &missing, &later, program.place, &without].join(" | ");
    write(&format!("login-{}", program.key), &format!("| {cells} |\n"));
}

/// For tests/run, which makes tables of them.
fn write(file: &str, row: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/auth");
    fs::create_dir_all(&dir).expect("a directory");
    fs::write(dir.join(file), row).expect("a row");
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Wrong => "a wrong password",
            Missing => "no password",
            Later => "a 454",
        })
    }
}

impl Fate {
    fn kind(self) -> &'static str {
        match self {
            Sent => "is sent",
            Waits(_) => "waits",
            Fails(_) => "fails",
            Bounces(_) => "**bounces**",
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Sent => f.write_str(self.kind()),
            Waits(words) | Fails(words) | Bounces(words) => write!(f, "{}: `{words}`", self.kind()),
        }
    }
}
