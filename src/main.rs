//! The order of the stages, the panic hook, and the only exits.

use std::ffi::OsString;
use std::io;
use std::panic;
use std::process;
use std::time::Instant;

use log::debug;

use smtps_bridge::cli::{self, Action, Glance, Reader};
use smtps_bridge::dial::{dial, Dialled};
use smtps_bridge::error::{Error, Failure};
use smtps_bridge::exit::Exit;
use smtps_bridge::options::{Logging, Options, Replies, Stderr};
use smtps_bridge::relay::{self, Settings};
use smtps_bridge::report::{self, About};
use smtps_bridge::stdio::{self, Local};
use smtps_bridge::trust::Trusted;
use smtps_bridge::version::version;
use smtps_bridge::wait::Waiter;
use smtps_bridge::{check, confine, hooks, logging, setup};

fn main() {
    let started = Instant::now();
    let stderr = stdio::protect_stderr();
    panic::set_hook(Box::new(|info| {
        report::panicked(&info.to_string());
        process::exit(Exit::Software.code());
    }));
    process::exit(run(stderr, started).code());
}

fn run(stderr: Stderr, started: Instant) -> Exit {
    confine::close_inherited();
    // SIGTERM first: from here on it ends a session cleanly.
    let waiter = Waiter::for_sigterm();
    let mut line = std::env::args_os();
    let program = line.next().unwrap_or_default();
    let argv: Vec<OsString> = line.collect();
    let Glance { reader, log_to } = cli::glance(&argv);
    let replies = if reader == Reader::Client(Replies::Smtp) { Replies::Smtp } else { Replies::None };
    if replies == Replies::None {
        // No one can claim it again: there is no reply, not even the panic hook's.
        stdio::claim_first_byte();
    }
    let mut local = stdio::look();
    let failed = |failure: &Failure, more: &[Failure], local: &Local, replies: Replies| {
        logging::open(Logging { to: log_to, ..Logging::default() }, stderr);
        report::failed(failure, more, local, replies, started)
    };
    match cli::parse_behind(&program, argv) {
        Ok(Action::Help) => say(stdio::write_all(cli::help().as_bytes())),
        Ok(Action::Version) => say(stdio::write_all(version().as_bytes())),
        Ok(Action::PrintConfig(lines)) => match setup::print(lines.as_deref(), &mut local) {
            Ok(text) => say(stdio::write_all(text.as_bytes())),
            Err(error) => failed(&setup::complain(error, &mut local), &[], &local, Replies::None),
        },
        Ok(Action::Check(options)) => check::run(&options, &mut local, stderr, &waiter),
        Err(error) => match reader {
            Reader::PrintConfig => failed(&setup::complain(error, &mut local), &[], &local, Replies::None),
            Reader::Check => check::refused(&error, &mut local, &waiter),
            Reader::Client(replies) => {
                // A stranger must not learn what is wrong with our command line.
                let replies = stdio::admit(&mut local, &[]).map_or(Replies::None, |_| replies);
                failed(&error.into(), &[], &local, replies)
            }
        },
        Ok(Action::Session(options)) => {
            logging::open(options.logging, stderr);
            match session(&options, &mut local, &waiter, started) {
                Ok(exit) => exit,
                Err(failures) => match failures.split_first() {
                    Some((first, more)) => failed(first, more, &local, replies),
                    None => Exit::Software,
                },
            }
        }
    }
}

/// One session, in the order of its stages; or why there is none, one failure for each host.
fn session(options: &Options, local: &mut Local, waiter: &Waiter, started: Instant) -> Result<Exit, Vec<Failure>> {
    let alone = |error: Error| vec![Failure::from(error)];
    hooks::enter("arguments");
    let presence = stdio::admit(local, &options.allow_from).map_err(alone)?;
    if let Some(exit) = report::left(presence, &options.hosts, local, started) {
        return Ok(exit);
    }
    let trusted = Trusted::new(&options.trust).map_err(alone)?;
    let ports = options.hosts.iter().map(|host| host.port);
    let landlock = confine::confine(options.user.as_ref(), ports).map_err(alone)?;
    debug!("confined landlock={landlock}");
    hooks::probe("network");
    let Dialled { session, passed } = dial(options, &trusted, started, waiter)?;
    let Some(session) = session else { return Err(passed) };
    passed.iter().for_each(|failure| report::passed(failure, local));
    let about = About::new(&session, started);
    confine::only_this_session();
    hooks::probe("session");
    let &Options { idle_timeout, newlines, rules, .. } = options;
    let server_name = &about.host.server_name_text();
    let settings = Settings { idle_timeout, newlines, rules, replies: options.replies(), server_name };
    let no_session = |error| vec![about.failure(error)];
    let relay = relay::start(local, session.tls, session.greeting, &settings, waiter).map_err(no_session)?;
    confine::no_more_threads();
    hooks::probe("threads");
    let ended = relay.run().map_err(no_session)?;
    report::expiring(&about, trusted.identity.map(|cert| cert.validity));
    Ok(report::closed(&about, local, &ended, started))
}

fn say(written: io::Result<()>) -> Exit {
    match written {
        Ok(()) => Exit::Ok,
        Err(_) => Exit::IoError,
    }
}
