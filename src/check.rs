//! `--check`: what a session would do, step by step, on every host and every address; what is wrong, and the cure. Never
//! a credential, never a MAIL command, no line in the log.

mod ahead;
mod details;
mod dialogue;
mod host;
mod other_port;
mod screen;
mod tries;
mod watch;

use log::LevelFilter;
use nix::unistd::geteuid;

use crate::confine;
use crate::crypto::POST_QUANTUM;
use crate::dial::Search;
use crate::error::{self, Error, Seen};
use crate::exit::Exit;
use crate::hooks;
use crate::logging;
use crate::options::{Groups, LogTo, Logging, Network, Options, Stderr, Verbosity, SUBMISSION, SUBMISSIONS};
use crate::stdio::{self, Local};
use crate::trust::Trusted;
use crate::wait::Waiter;

use host::Check;
use screen::Screen;
use tries::Tries;

/// The report; 0 when every host would give a session, else the code of a session that has none.
pub fn run(options: &Options, local: &mut Local, stderr: Stderr, waiter: &Waiter) -> Exit {
    // Nothing may write a 421 into the report, not even the panic hook, whose words go to a terminal or nowhere.
    stdio::claim_first_byte();
    if is_stranger(local, &options.allow_from) {
        return Exit::NoPermission;
    }
    let to = if stderr == Stderr::Ours { LogTo::Stderr } else { LogTo::None };
    // A session's steps are on the screen.
    logging::open(Logging { to: Some(to), level: LevelFilter::Warn }, stderr);
    hooks::enter("arguments");
    let mut screen = Screen::new(Verbosity::of(options.logging), waiter);
    let was_root = geteuid().is_root();
    let (trusted, classical) = match files_and_rights(options) {
        Ok(both) => both,
        Err(error) => return failed(&error, Seen::default(), &mut screen),
    };
    ahead::look(options, &trusted, was_root, &mut screen);
    let mut tries = Tries::new(classical.as_ref(), waiter);
    let mut errors = Vec::new();
    for host in &options.hosts {
        let search = Search::alone(host, options, &trusted, waiter);
        let mut check = Check { search, tries: &mut tries, screen: &mut screen };
        let Err((error, seen)) = check.run() else { continue };
        let ends_all = error.ends_all();
        failed(&error, seen, &mut screen);
        // As in a session, an error that ends the whole search is the first cause.
        errors.insert(if ends_all { 0 } else { errors.len() }, error);
        if ends_all {
            break;
        }
    }
    screen.exit(error::exit(errors.iter()))
}

/// In a session's order. Besides what was asked for, it reads the same without ML-KEM, if that makes a difference, because
/// a cure can be tried only with files that were read as root.
fn files_and_rights(options: &Options) -> Result<(Trusted, Option<Trusted>), Error> {
    let trusted = Trusted::new(&options.trust)?;
    let other = POST_QUANTUM && options.trust.groups == Groups::PostQuantumFirst;
    let classical = other.then(|| Trusted::with_groups(&options.trust, Groups::Classical)).transpose()?;
    let ports = options.hosts.iter().map(|host| host.port).chain([SUBMISSION, SUBMISSIONS]);
    confine::confine(options.user.as_ref(), ports)?;
    Ok((trusted, classical))
}

/// A command line that the parser refuses.
pub fn refused(error: &Error, local: &mut Local, waiter: &Waiter) -> Exit {
    stdio::claim_first_byte();
    if is_stranger(local, &[]) {
        return Exit::NoPermission;
    }
    failed(error, Seen::default(), &mut Screen::new(Verbosity::All, waiter))
}

/// A superserver's line with `--check` in it would show our files and routes to anyone who connects. Without a client on
/// descriptor 0, as usual, there is no one to refuse.
fn is_stranger(local: &mut Local, allow_from: &[Network]) -> bool {
    matches!(stdio::admit(local, allow_from), Err(Error::Stranger { .. }))
}

/// The sentence comes last, where the eye is.
fn failed(error: &Error, seen: Seen, screen: &mut Screen) -> Exit {
    if let Some(line) = error.clear() {
        screen.wrong("in clear", &line.to_string());
    }
    screen.wrong("failed", &format!("{}: {}", error.stage(), error.sentence(seen)));
    screen.exit(error.exit())
}
