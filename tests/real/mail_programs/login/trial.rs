//! One message of one program, until its fate is known.

use std::time::Instant;

use crate::real::machine::{listening, Machine, Said};
use crate::real::superservers::inetd;
use crate::real::NAME;
use crate::support::limit::until;

use super::super::PATIENCE;
use super::{Bounces, Fails, Fate, Program, Queue, Reasons, Sent, Waits, WORDS};

pub struct Trial<'a> {
    pub program: &'a Program,
    pub machine: &'a Machine,
    /// How many messages to bob have arrived.
    pub inbox: &'a dyn Fn() -> usize,
}

impl Trial<'_> {
    /// Runs `script` with this password until the message's fate is known; that of the queue now and then again.
    #[track_caller]
    pub fn attempt(&self, password: &str, script: &str) -> Fate {
        let run = |script: &str| self.machine.run(&format!("password={password}\n{script}"));
        let before = (self.machine.syslog.lines().len(), (self.inbox)());
        let set = run(self.program.password);
        assert_eq!(set.code, Some(0), "{}", set.text);
        let mut said = run(script);
        let Some(queue) = &self.program.queue else { return self.without_queue(&said, before.1) };
        let start = Instant::now();
        let mut tried = start;
        loop {
            let (fate, log) = self.queued(queue, &said.text, before);
            if let Some(fate) = fate {
                return fate;
            }
            assert!(start.elapsed() < PATIENCE, "no fate of {script}: {log}");
            // What was busy with the message at the first try may have left it out.
            if script == queue.retry && tried.elapsed() > PATIENCE / 5 {
                said.text += &run(script).text;
                tried = Instant::now();
            }
        }
    }

    /// What becomes of a message of this fate with another password; if it does not wait, of a new one.
    #[track_caller]
    pub fn next(&self, fate: Fate, password: &str) -> Fate {
        match (fate, &self.program.queue) {
            (Waits(_), Some(queue)) => self.attempt(password, queue.retry),
            _ => self.attempt(password, self.program.send),
        }
    }

    /// A fate, if there is one already, and the texts that show it: what was said, and the log since `before`.
    fn queued(&self, queue: &Queue, said: &str, (logged, arrived): (usize, usize)) -> (Option<Fate>, String) {
        let lines = self.machine.syslog.lines().split_off(logged);
        // The bridge's own line is not what the program shows.
        let lines: Vec<String> = lines.into_iter().filter(|line| !line.contains("smtps-bridge[")).collect();
        let mut log = format!("{said}\n{}", lines.join("\n"));
        if let Reasons::File(file) = queue.reasons {
            log += &self.machine.run(&format!("cat {file}")).text;
        }
        let list = self.machine.run(queue.list).text;
        let held = list.contains(queue.message);
        let shown = |reason| queue.reasons != Reasons::Queue || words(&list) == Some(reason);
        let fate = match (words(&log), (self.inbox)() > arrived) {
            (_, true) if !held => Some(Sent),
            (Some(words), false) if !held && log.contains(queue.bounced) => Some(Bounces(words)),
            (Some(words), false) if held && log.contains(queue.deferred) && shown(words) => Some(Waits(words)),
            _ => None,
        };
        (fate, format!("{log}\n{list}"))
    }

    #[track_caller]
    fn without_queue(&self, said: &Said, arrived: usize) -> Fate {
        if said.code == Some(0) {
            until(PATIENCE, &format!("it arrives: {}", said.text), || (self.inbox)() > arrived);
            return Sent;
        }
        match (said.code, (self.inbox)() - arrived, words(&said.text)) {
            // qmail-remote's verdicts, as its test turns them into codes: it has no queue, but qmail has.
            (Some(111), 0, Some(words)) => Waits(words),
            (Some(100), 0, Some(words)) => Bounces(words),
            (Some(1..), 0, Some(words)) => Fails(words),
            strange => panic!("{strange:?}: {}", said.text),
        }
    }
}

fn words(text: &str) -> Option<&'static str> {
    WORDS.iter().find(|(_, needle)| text.contains(needle)).map(|(words, _)| *words)
}

/// What `--print-config` prints with the option, or without it.
pub struct Lines<'a> {
    pub machine: &'a Machine,
    pub words: &'a str,
    pub option: bool,
}

impl Lines<'_> {
    #[track_caller]
    pub fn of(&self, kind: &str) -> String {
        let lines = self.machine.sh(&format!("smtps-bridge --print-config {kind} {}", self.words));
        assert!(lines.contains(OPTION), "{lines}");
        if self.option {
            return lines;
        }
        lines.replace(OPTION, NAME)
    }
}

/// As it stands in a command, in front of the host.
const OPTION: &str = "--require-auth smtp.example.com";

/// Where inetd starts the bridge: it does so as these lines say from now on.
pub fn through_inetd(machine: &Machine, lines: &Lines) {
    machine.sh("[ ! -e /run/inetd.pid ] || kill $(cat /run/inetd.pid)");
    until(PATIENCE, "inetd is gone", || !listening());
    inetd::start(machine, &lines.of("inetd-debian"));
}
