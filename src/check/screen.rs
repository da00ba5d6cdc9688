//! The report on standard output: aligned, at most 80 columns, printable, written piece by piece as things happen, so
//! that a hang shows where it hangs.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::PollFlags;

use crate::deadline::{millis, Deadline};
use crate::exit::Exit;
use crate::options::Verbosity;
use crate::stdio;
use crate::text;
use crate::wait::{ready, Waiter, Woken};

/// One column is left for a comma behind the last word.
const WIDTH: usize = 79;

/// Where the text behind a label begins.
const INDENT: usize = 12;

/// `bits`, `days`, `octets)`: a longer word is not a unit.
const UNIT: usize = 7;

/// No single piece of a report is longer; foreign text in it has caps of its own.
const PIECE: usize = 4096;

pub struct Screen<'a> {
    waiter: &'a Waiter,
    verbosity: Verbosity,
    /// Written before the first line under it.
    heading: Option<String>,
    /// Whether the line that was begun last is written.
    open: bool,
    /// An empty line stands before every heading but the first.
    begun: bool,
    column: usize,
    /// The line has only its label yet.
    fresh: bool,
    /// Something is wrong with the subject of the heading.
    warned: bool,
    /// Set when no one reads the report, or SIGTERM came while no one did.
    lost: Option<Exit>,
}

impl<'a> Screen<'a> {
    pub fn new(verbosity: Verbosity, waiter: &'a Waiter) -> Screen<'a> {
        Screen {
            waiter,
            verbosity,
            heading: None,
            open: false,
            begun: false,
            column: 0,
            fresh: true,
            warned: false,
            lost: None,
        }
    }

    /// What follows is about this subject.
    pub fn heading(&mut self, text: &str) {
        self.about(text);
        if self.verbosity == Verbosity::All {
            self.write_heading();
        }
    }

    /// A heading under which there may be nothing.
    pub fn about(&mut self, text: &str) {
        self.heading = Some(text.to_owned());
        self.warned = false;
    }

    pub fn line(&mut self, label: &str, text: &str) {
        self.begin(label);
        self.more(text);
        self.end();
    }

    /// A line that `-q` shows too.
    pub fn wrong(&mut self, label: &str, text: &str) {
        self.warned = true;
        self.begin_wrong(label);
        self.more(text);
        self.end();
    }

    pub fn begin(&mut self, label: &str) {
        match self.verbosity {
            Verbosity::All => self.begin_wrong(label),
            Verbosity::WrongOnly => self.open = false,
        }
    }

    pub fn begin_wrong(&mut self, label: &str) {
        // A line that SIGTERM cut short.
        self.end();
        self.write_heading();
        self.open = true;
        (self.column, self.fresh) = (INDENT, true);
        self.put(&format!("  {label:<width$}", width = INDENT - 2));
    }

    /// Words, wrapped; a comma at the beginning stands behind the word before it, and a unit behind its number.
    pub fn more(&mut self, text: &str) {
        if self.open {
            let mut out = String::new();
            let line = text::line(text, PIECE);
            let mut words = line.split(' ').filter(|word| !word.is_empty()).peekable();
            while let Some(word) = words.next() {
                let is_number = word.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
                match words.next_if(|unit| is_number && unit.len() <= UNIT) {
                    Some(unit) => self.place(&format!("{word} {unit}"), &mut out),
                    None => self.place(word, &mut out),
                }
            }
            self.put(&out);
        }
    }

    pub fn end(&mut self) {
        if self.open {
            self.put("\n");
            self.open = false;
        }
    }

    pub fn has_warned(&self) -> bool {
        self.warned
    }

    /// `exit`, unless the report itself came to nothing.
    pub fn exit(&self, exit: Exit) -> Exit {
        self.lost.unwrap_or(exit)
    }

    fn write_heading(&mut self) {
        if let Some(heading) = self.heading.take() {
            if self.begun {
                self.put("\n");
            }
            self.begun = true;
            (self.column, self.fresh) = (0, true);
            self.open = true;
            self.more(&heading);
            self.end();
        }
    }

    fn place(&mut self, word: &str, out: &mut String) {
        if !self.fresh && !word.starts_with(',') {
            if self.column + 1 + word.len() > WIDTH {
                self.wrap(out);
            } else {
                out.push(' ');
                self.column += 1;
            }
        }
        self.fresh = false;
        for letter in word.chars() {
            if self.column > WIDTH {
                self.wrap(out);
            }
            out.push(letter);
            self.column += 1;
        }
    }

    fn wrap(&mut self, out: &mut String) {
        out.push('\n');
        out.push_str(&" ".repeat(INDENT));
        self.column = INDENT;
    }

    /// SIGTERM is blocked: it must still end us if the report's reader has stopped reading.
    fn put(&mut self, text: &str) {
        if self.lost.is_some() {
            return;
        }
        let stdout = io::stdout();
        let woken = self.waiter.wait_for(stdout.as_fd(), PollFlags::POLLOUT, Deadline::after(Duration::MAX));
        let writable = woken.ok() != Some(Woken::Terminated)
            || ready(stdout.as_fd(), PollFlags::POLLOUT, Deadline::after(millis(0)));
        self.lost = if writable {
            stdio::write_all(text.as_bytes()).err().map(|_| Exit::IoError)
        } else {
            Some(Exit::TempFail)
        };
    }
}
