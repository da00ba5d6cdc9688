//! Any foreign octets: what comes out is printable, one line, and never longer than its cap.

use smtps_bridge::error::{
    Clear, Error, Facts, Failure, Fault, Given, Issuer, NamedBy, Names, Place, Rank, Stage, Trouble,
};
use smtps_bridge::report;
use smtps_bridge::text::{cut, escape, line, value, Foreign};

/// The first two octets are the cap, and say which error quotes the text.
pub fn run(data: &[u8]) {
    let Some((&[high, low], foreign)) = data.split_first_chunk() else { return };
    let cap = usize::from(u16::from_be_bytes([high, low]) % 2000);
    let escaped = escape(foreign);
    let whole = escaped.whole();
    printable(whole);
    assert_eq!(unescape(whole), foreign, "nothing is lost without a cap");
    assert!(escaped.to_string().len() <= 200);
    let short = format!("{escaped:.cap$}");
    printable(&short);
    assert!(short.len() <= cap);
    match whole.len() <= cap {
        true => assert_eq!(short, whole),
        false => {
            let kept = short.strip_suffix("...").unwrap_or_default();
            assert!(cap < 3 || short.ends_with("..."), "{short}");
            assert!(foreign.starts_with(&unescape(kept)), "an escape is cut in two: {short}");
        }
    }
    assert_eq!(cut(whole, cap), short);
    let lossy = String::from_utf8_lossy(foreign);
    let one = line(&lossy, cap);
    printable(&one);
    assert!(one.len() <= cap);
    let field = value(whole);
    printable(&field);
    // A reader of logfmt finds its end again.
    match field.strip_prefix('"') {
        Some(rest) => assert_eq!(rest.find('"'), Some(rest.len() - 1)),
        None => assert!(!field.is_empty() && !field.contains([' ', '"', '='])),
    }
    reply(high, low, foreign, &lossy);
}

/// What the client reads of an error with foreign text in it. The code that makes the error escapes it; if it does not, the
/// reply is the last wall.
fn reply(kind: u8, more: u8, foreign: &[u8], lossy: &str) {
    let text = || if kind & 0x40 == 0 { escape(foreign).to_string() } else { lossy.to_owned() };
    let error = error(kind, text, || escape(foreign));
    if kind & 0x40 == 0 {
        printable(&error.to_string());
    }
    let server_name = (kind & 0x80 != 0).then(|| lossy.to_owned());
    let reply = report::reply(&Failure { server_name, ..Failure::from(error) }, usize::from(more));
    assert!(reply.len() <= 200 && reply.starts_with("421 4."), "{reply}");
    printable(reply.strip_suffix("\r\n").expect("an end of line"));
}

fn error(kind: u8, text: impl Fn() -> String, said: impl Fn() -> Foreign) -> Error {
    let stage = Stage::Handshake;
    let place = || Place { number: 2, of: 3, rank: Rank::Intermediate, name: said() };
    let fault = match kind & 0x0f {
        0 => return Error::Usage(text()),
        1 => return Error::Unusable { role: "--ca-file", object: text(), problem: text() },
        2 => return Error::NoSuchName,
        3 => return Error::ResolverFailed { problem: text() },
        4 => return Error::Turned { stage, line: said() },
        5 => Fault::WrongName {
            names: Names::Others {
                first: vec![said(); usize::from(kind >> 4)],
                more: usize::from(kind),
                deeper: kind & 1 == 1,
            },
            expired: None,
            untrusted: None,
        },
        6 => Fault::UnknownIssuer(Issuer::Missing { name: said(), only_leaf: kind & 0x10 == 0 }),
        7 => Fault::WeakKey { bits: 512, place: place() },
        8 => Fault::CaAsServer,
        9 => Fault::PinMismatch { presented: Some(text()) },
        10 => Fault::Expired { on: text(), place: place(), intermediate: None, untrusted: None },
        11 => return trouble(Trouble::Clear { what: Clear::Smtp, line: said() }),
        12 => return trouble(Trouble::Clear { what: Clear::Named("HTTP"), line: said() }),
        13 => return trouble(Trouble::OurCertificate { alert: text() }),
        14 => return Error::Unreachable { problem: text() },
        _ => return trouble(Trouble::BreaksRules { how: text() }),
    };
    Error::Certificate { fault, facts: facts() }
}

fn trouble(trouble: Trouble) -> Error {
    Error::Tls { stage: Stage::Handshake, trouble, facts: facts() }
}

fn facts() -> Box<Facts> {
    Box::new(Facts {
        server_name: "mail.example.com".to_owned(),
        named_by: NamedBy::Host,
        is_address: false,
        port: 465,
        given: Given::default(),
        anchors: "our CA file".to_owned(),
        today: "2026-11-29".to_owned(),
        clock_behind: None,
        asked: false,
        version: None,
        identity: None,
        name_fits: None,
    })
}

fn printable(text: &str) {
    assert!(text.bytes().all(|octet| (0x20..=0x7e).contains(&octet)), "{text:?}");
}

fn unescape(text: &str) -> Vec<u8> {
    let (mut octets, mut rest) = (Vec::new(), text.bytes());
    while let Some(octet) = rest.next() {
        match (octet, octet == b'\\') {
            (_, false) => octets.push(octet),
            _ => match rest.next() {
                Some(b'x') => {
                    let digits: Vec<u8> = rest.by_ref().take(2).collect();
                    let digits = String::from_utf8(digits).expect("two digits");
                    octets.push(u8::from_str_radix(&digits, 16).expect("two digits"));
                }
                other => octets.push(other.expect("an octet behind a backslash")),
            },
        }
    }
    octets
}
