//! What every sentence must do, whatever the facts: design section 6a.

use std::collections::BTreeSet;

use smtps_bridge::error::{Elsewhere, Error, Failure, Fault, OnHello, Seen};
use smtps_bridge::report;

use super::causes::{every_error_with, every_facts, host, NAME};

const NOTHING: Seen = Seen { in_report: false, on_hello: None, other_port: None };
const REPORT: Seen = Seen { in_report: true, ..NOTHING };
const SEEN: [Seen; 13] = [
    NOTHING,
    REPORT,
    Seen { on_hello: Some(OnHello::MlKemInTheWay), ..REPORT },
    Seen { on_hello: Some(OnHello::LargePacketsLost), ..REPORT },
    Seen { on_hello: Some(OnHello::Never), ..REPORT },
    Seen { on_hello: Some(OnHello::EndsUnasked), ..REPORT },
    Seen { on_hello: Some(OnHello::ComesAndGoes), ..REPORT },
    Seen { other_port: Some((587, Elsewhere::Refused)), ..REPORT },
    Seen { other_port: Some((587, Elsewhere::Silent)), ..REPORT },
    Seen { other_port: Some((587, Elsewhere::StartTls)), ..REPORT },
    Seen { other_port: Some((587, Elsewhere::Plain)), ..REPORT },
    Seen { other_port: Some((465, Elsewhere::ImplicitTls)), ..REPORT },
    Seen { other_port: Some((587, Elsewhere::Other)), ..REPORT },
];

/// Every cause with every fact.
fn every_error() -> Vec<Error> {
    let mut all: Vec<Error> = every_facts().iter().flat_map(every_error_with).collect();
    // Under --pin-only issuers, names and dates are not looked at.
    all.retain(|error| match error {
        Error::Certificate { fault: Fault::UnknownIssuer(_) | Fault::CaAsServer, facts }
        | Error::Certificate { fault: Fault::Expired { .. } | Fault::WrongName { .. }, facts } => !facts.given.pin_only,
        _ => true,
    });
    all
}

/// Every sentence, and what a client reads.
fn texts(error: Error) -> Vec<String> {
    let mut texts: Vec<String> = SEEN.iter().map(|seen| error.sentence(*seen).to_string()).collect();
    texts.push(reply(&failure(error, NAME)));
    texts
}

fn failure(error: Error, server_name: &str) -> Failure {
    Failure { server_name: Some(server_name.to_owned()), host: Some(host()), ..Failure::from(error) }
}

/// With other hosts behind it, which leaves the least room.
fn reply(failure: &Failure) -> String {
    report::reply(failure, 9)
}

#[track_caller]
fn none(wrong: &BTreeSet<String>) {
    assert!(wrong.is_empty(), "{} sentences:\n{}", wrong.len(), wrong.iter().cloned().collect::<Vec<_>>().join("\n"));
}

/// Goal: 200 octets hold the cause and the cure, however long the names are.
#[test]
fn no_reply_loses_its_cause_or_its_cure() {
    let mut wrong = BTreeSet::new();
    for error in every_error() {
        // Their words are the command line's and the files', and there is no server name yet.
        if matches!(error, Error::Usage(_) | Error::Unusable { .. }) {
            continue;
        }
        let sentence = error.sentence(Seen::default());
        let said = reply(&failure(error, &host()));
        assert!(said.len() <= 200 && said.ends_with(" (+9 more)\r\n"), "{said}");
        if !said.contains(&sentence.cause) || !said.contains(&sentence.cure) {
            wrong.insert(format!("{} + {}: {}", sentence.cause.len(), sentence.cure.len(), said.trim_end()));
        }
    }
    none(&wrong);
}

/// Goal: an option whose cure is in force, or that is the culprit, is no advice.
#[test]
fn no_sentence_advises_an_option_that_is_given() {
    let mut wrong = BTreeSet::new();
    for error in every_error() {
        let (Error::Certificate { facts, .. } | Error::Tls { facts, .. }) = &error else { continue };
        let given = facts.given;
        for text in texts(error) {
            for (is_given, option) in [
                (given.ca_file || given.system_roots, "--ca-file"),
                (given.system_roots, "--system-roots"),
                (given.pin_only, "--pin-only"),
                (given.cert, "--cert"),
                (given.min_tls, "--min-tls"),
                (given.no_pq, "--no-pq"),
            ] {
                if is_given && text.replace(&format!("leave out {option}"), "").contains(option) {
                    wrong.insert(format!("{option} is given: {text}"));
                }
            }
        }
    }
    none(&wrong);
}

/// Goal: promise 3. No sentence advises to trust somebody in between.
#[test]
fn promise_3_no_sentence_teaches_trust_in_a_stranger() {
    let mut wrong = BTreeSet::new();
    for error in every_error().into_iter().filter(|error| !matches!(error, Error::Unusable { .. })) {
        for text in texts(error) {
            let confirmed = ["its administrator confirms", "ask its administrator for the chain or CA"];
            let safe = confirmed.iter().any(|words| text.contains(words)) && text.contains("in between");
            let advice = text.replace("correct --server-name", "").replace("--server-name needs a name", "");
            if !safe && ["--ca-file", "--pin-only", "--server-name"].iter().any(|option| advice.contains(option)) {
                wrong.insert(format!("without a word of confirming: {text}"));
            }
            if text.contains("an attacker's words") {
                wrong.insert(format!("nobody vouches for what is quoted: {text}"));
            }
        }
    }
    none(&wrong);
}

/// Goal: no identifier of a library, no number of the system, one question, one colon, no full stop.
#[test]
fn every_sentence_is_one_that_a_mail_administrator_reads() {
    let mut wrong = BTreeSet::new();
    for error in every_error() {
        let path = matches!(error, Error::Unusable { .. });
        for text in texts(error) {
            let text = text.trim_end_matches("\r\n");
            let reply = text.strip_prefix("421 ").and_then(|reply| reply.split_once(": "));
            let sentence = reply.map_or(text, |(_, sentence)| sentence);
            let hump = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
            // IPv4, IPv6 and kB are written so.
            let usual = |word: &str| word.starts_with("IPv") || word == "kB";
            let camel = |word: &str| !usual(word) && word.as_bytes().windows(2).any(hump);
            for (is_wrong, what) in [
                (sentence.is_empty() || !text.bytes().all(|b| (0x20..=0x7e).contains(&b)), "empty, or not printable"),
                (text.contains("os error") || text.contains("errno"), "a number of the system"),
                (sentence.split(|c: char| !c.is_ascii_alphanumeric()).any(camel), "an identifier of a library"),
                (sentence.ends_with('.') && !sentence.ends_with("..."), "a full stop"),
                (text.contains("  ") || text.contains("; ;") || text.contains("()"), "a piece is missing"),
                (sentence.matches('?').count() > 1, "more than one question"),
                (sentence.matches(": ").count() > 1, "a colon behind a colon"),
                (!path && text.contains("/etc/"), "a path"),
            ] {
                if is_wrong {
                    wrong.insert(format!("{what}: {text}"));
                }
            }
        }
    }
    none(&wrong);
}

/// Goal: a sentence with a date also says what this machine takes for today.
#[test]
fn a_sentence_about_a_date_has_the_date_of_today() {
    let texts: BTreeSet<String> = every_error().into_iter().flat_map(texts).collect();
    let dated: Vec<&String> = texts.iter().filter(|text| text.contains("2021-11-01")).collect();
    assert!(dated.len() > 20, "{dated:?}");
    none(&dated.into_iter().filter(|text| !text.contains("today is 2026-11-29")).cloned().collect());
}

/// Goal: mailq of sendmail shows 60 octets, and HOST stands before the reason in the reply, the log and the report.
#[test]
fn no_sentence_names_the_host_once_more() {
    for error in every_error() {
        let sentence = error.sentence(Seen::default()).to_string();
        assert!(!sentence.contains(&host()), "{sentence}");
    }
    let lookup = |server_name: &str| {
        let error = Error::NoSuchName;
        let host = Some("smtp.example.com".to_owned());
        report::reply(&Failure { host, server_name: Some(server_name.to_owned()), ..Failure::from(error) }, 0)
    };
    assert_eq!(lookup("smtp.example.com"), "421 4.4.4 smtp.example.com: no such name; is HOST spelled right?\r\n");
    // The name that is looked up is not the one before the reason.
    let other = "421 4.4.4 mail.example.net: no such name (HOST is smtp.example.com); is HOST spelled right?\r\n";
    assert_eq!(lookup("mail.example.net"), other);
}
