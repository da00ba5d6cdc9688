//! The command line: what is taken, what is refused and in which words. Design section 7.

mod help;
mod hosts;
mod replies;
mod words;

use std::ffi::OsString;

use smtps_bridge::cli::{parse, Action};
use smtps_bridge::error::Error;
use smtps_bridge::options::Options;

/// In this process: the options that these words make.
#[track_caller]
fn options(words: &[&str]) -> Options {
    match parse(words.iter().map(OsString::from).collect()) {
        Ok(Action::Session(options)) => *options,
        Ok(Action::Help | Action::Version | Action::Check(_) | Action::PrintConfig(_)) => {
            panic!("{words:?} is a question, no session")
        }
        Err(error) => panic!("{words:?}: {error}"),
    }
}

/// In this process: the sentence that refuses these words.
#[track_caller]
fn sentence(words: Vec<OsString>) -> String {
    match parse(words.clone()) {
        Err(Error::Usage(sentence)) => sentence,
        Err(error) => panic!("{words:?} is refused, but as no usage error: {error:?}"),
        Ok(_) => panic!("{words:?} is taken"),
    }
}
