//! The results as a table: target/limbo.md, and its summary on the screen.

use std::fmt::Write;
use std::path::Path;

use super::cases::{Case, Difference, Verdict};

pub struct Table {
    /// Cases of all kinds; those that are no server's, or need a setting that we do not have, are not served.
    all: usize,
    taken: usize,
    refused: usize,
    documented: Vec<String>,
    unexplained: Vec<String>,
    rows: String,
}

impl Table {
    pub fn new(all: usize) -> Table {
        let (documented, unexplained) = (Vec::new(), Vec::new());
        Table { all, taken: 0, refused: 0, documented, unexplained, rows: String::new() }
    }

    /// `said`: the log line of a refusal.
    pub fn add(&mut self, case: &Case, actual: Verdict, difference: Option<&Difference>, said: &str) {
        let result = match difference {
            _ if actual == case.expected => {
                let count = if actual == Verdict::Accept { &mut self.taken } else { &mut self.refused };
                *count += 1;
                "as specified"
            }
            Some(difference) if difference.actual == actual => {
                self.documented.push(format!("| {} | {} | {} |", case.id, word(actual), difference.reason));
                "documented difference"
            }
            _ => {
                self.unexplained.push(format!(
                    "{}: {} instead of {}: {said}",
                    case.id,
                    word(actual),
                    word(case.expected)
                ));
                "UNEXPLAINED"
            }
        };
        let reason = said.split_once("reason=\"").and_then(|(_, rest)| rest.split_once('"')).map_or("", |(it, _)| it);
        let _ = writeln!(self.rows, "| {} | {} | {result} | {} |", case.id, word(actual), reason.replace('|', "\\|"));
    }

    pub fn unexplained(&self) -> &[String] {
        &self.unexplained
    }

    pub fn summary(&self) -> String {
        let served = self.taken + self.refused + self.documented.len() + self.unexplained.len();
        format!(
            "x509-limbo: {} cases, {served} served live:\n\
             | result | cases |\n|---|---|\n\
             | as specified: taken | {} |\n| as specified: refused | {} |\n\
             | documented difference | {} |\n| unexplained | {} |",
            self.all,
            self.taken,
            self.refused,
            self.documented.len(),
            self.unexplained.len()
        )
    }

    pub fn write(&self) {
        let text = format!(
            "{}\n\nDocumented differences\n\n| case | result | reason |\n|---|---|---|\n{}\n\n\
             All cases\n\n| case | result | | what we said |\n|---|---|---|---|\n{}",
            self.summary(),
            self.documented.join("\n"),
            self.rows
        );
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/limbo.md");
        std::fs::write(path, text).expect("target/limbo.md");
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "taken",
        Verdict::Refuse => "refused",
    }
}
