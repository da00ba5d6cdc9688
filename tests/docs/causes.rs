//! One of each cause, with the longest names that it may hold. A new one is an error of the compiler here.

use std::io;

use smtps_bridge::error::{
    Asked, Clear, Error, Facts, Fault, Given, Heard, InClear, Issuer, NamedBy, Names, OwnFault, Place, Rank, Stage,
    Trouble, Untrusted, Version,
};
use smtps_bridge::options::Anchors;
use smtps_bridge::smtp::Code;
use smtps_bridge::text::escape;
use smtps_bridge::trust::anchors_name;

/// Of a server name; the reply has room for no more.
pub const NAME: &str = "a-name-of-sixty-four-octets.is-not-rare-in-the-cloud.example.com";

/// The longest name of a host (RFC 1035 section 2.3.4), and one of its labels.
pub fn host() -> String {
    [LABEL, LABEL, LABEL, &LABEL[..61]].join(".")
}

const LABEL: &str = "a-label-of-sixty-three-octets-is-the-longest-that-there-may-be3";

/// What a server or a resolver says.
fn words() -> String {
    "these are foreign words, of which there is no end, ".repeat(2)
}

pub fn facts() -> Facts {
    Facts {
        server_name: NAME.to_owned(),
        named_by: NamedBy::Host,
        is_address: false,
        port: 465,
        given: Given::default(),
        anchors: "Mozilla's roots of 2026-10-19".to_owned(),
        today: "2026-11-29".to_owned(),
        clock_behind: None,
        asked: false,
        version: None,
        identity: None,
        name_fits: Some(true),
    }
}

/// All that changes a sentence, each way.
pub fn every_facts() -> Vec<Facts> {
    let none = Given::default();
    let other = Given { cert: true, min_tls: true, no_pq: true, ..none };
    let mut given = vec![none, Given { min_tls: true, ..none }, Given { no_pq: true, ..none }];
    for rest in [none, other] {
        given.extend([
            Given { ca_file: true, ..rest },
            Given { system_roots: true, ..rest },
            Given { pin_only: true, ..rest },
        ]);
    }
    let mut every = Vec::new();
    for given in given {
        for (is_address, name_fits) in
            [(false, Some(true)), (false, Some(false)), (false, None), (true, Some(false)), (true, Some(true))]
        {
            for (named_by, port, version, clock_behind) in [
                (NamedBy::Host, 465, None, None),
                (NamedBy::Option, 2465, Some(Version::Tls12), Some("2026-10-19")),
                (NamedBy::Host, 2465, Some(Version::Tls13), None),
            ] {
                let anchors = anchors(given);
                every.push(Facts {
                    given,
                    anchors,
                    is_address,
                    name_fits,
                    named_by,
                    port,
                    version,
                    clock_behind,
                    ..facts()
                });
                if given.cert {
                    let with = |identity| Facts { identity, ..every[every.len() - 1].clone() };
                    let faults = [OwnFault::Expired("2021-11-01".to_owned()), OwnFault::NotForClients];
                    let more = faults.map(|fault| with(Some(fault)));
                    every.extend(more);
                }
            }
        }
    }
    every
}

fn anchors(given: Given) -> String {
    if given.ca_file {
        anchors_name(&Anchors::File("/ca.pem".into()))
    } else if given.system_roots {
        anchors_name(&Anchors::System)
    } else {
        facts().anchors
    }
}

pub fn every_fault() -> Vec<Fault> {
    let name = || escape(format!("CN={NAME}").as_bytes());
    let own = || escape(NAME.as_bytes());
    let on = || "2021-11-01".to_owned();
    let mut faults = Vec::new();
    for (rank, number) in
        [(Rank::Leaf, 1), (Rank::Intermediate, 15), (Rank::CrossSigned, 15), (Rank::Root, 16), (Rank::Ours, 16)]
    {
        let place = || Place { number, of: 16, rank, name: name() };
        for untrusted in [None, Some(Untrusted::SelfSigned), Some(Untrusted::UnknownCa)] {
            for intermediate in [None, Some(on())] {
                faults.push(Fault::Expired { on: on(), place: place(), intermediate, untrusted });
            }
        }
        faults.push(Fault::NotYetValid { from: on(), place: place() });
        faults.push(Fault::WeakKey { bits: 16_384, place: place() });
        faults.push(Fault::OldSignature { hash: "SHA-1", place: place() });
    }
    for names in [
        Names::Others { first: vec![own()], more: 0, deeper: false },
        Names::Others { first: vec![own(); 3], more: 9997, deeper: true },
        Names::AddressAsDns,
        Names::CommonNameOnly(own()),
        Names::None,
        Names::NoHostName,
        Names::Malformed(vec![own(); 3]),
    ] {
        for untrusted in [None, Some(Untrusted::SelfSigned), Some(Untrusted::UnknownCa)] {
            for expired in [None, Some(on())] {
                faults.push(Fault::WrongName { names: names.clone(), expired, untrusted });
            }
        }
    }
    for issuer in [
        Issuer::Itself,
        Issuer::Sent { name: name(), expired: None },
        Issuer::Sent { name: name(), expired: Some(on()) },
        Issuer::Missing { name: name(), only_leaf: true },
        Issuer::Missing { name: name(), only_leaf: false },
        Issuer::Namesake(name()),
        Issuer::Unread,
    ] {
        faults.push(Fault::UnknownIssuer(issuer));
    }
    let pin = format!("sha256//{}=", "A".repeat(43));
    faults.extend([
        Fault::CaAsServer,
        Fault::PinMismatch { presented: Some(pin) },
        Fault::PinMismatch { presented: None },
        Fault::VersionOne,
        Fault::NotItsKey,
        Fault::Broken("a CA above it has malformed name constraints"),
    ]);
    for fault in &faults {
        match fault {
            Fault::Expired { .. }
            | Fault::NotYetValid { .. }
            | Fault::WrongName { .. }
            | Fault::UnknownIssuer(Issuer::Itself | Issuer::Sent { .. } | Issuer::Missing { .. })
            | Fault::UnknownIssuer(Issuer::Namesake(_) | Issuer::Unread)
            | Fault::CaAsServer
            | Fault::PinMismatch { .. }
            | Fault::VersionOne
            | Fault::WeakKey { .. }
            | Fault::OldSignature { .. }
            | Fault::NotItsKey
            | Fault::Broken(_) => {}
        }
    }
    faults
}

pub fn every_trouble() -> Vec<Trouble> {
    let alert = || "bad_certificate_status_response".to_owned();
    let clear = |what| Trouble::Clear { what, line: escape(b"220 an attacker's words\x1b") };
    let troubles = vec![
        Trouble::ClosedOnHello,
        Trouble::ResetOnHello,
        Trouble::SilentOnHello { seconds: 3600 },
        clear(Clear::TurnedAway { later: true }),
        clear(Clear::TurnedAway { later: false }),
        clear(Clear::Smtp),
        clear(Clear::Named("HTTP")),
        clear(Clear::Something),
        Trouble::OldTls,
        Trouble::NothingInCommon { how: words() },
        Trouble::UnknownName { alert: alert() },
        Trouble::OurCertificate { alert: alert() },
        Trouble::Alert { alert: alert() },
        Trouble::TooLarge,
        Trouble::BreaksRules { how: words() },
        Trouble::Broken { how: words() },
    ];
    for trouble in &troubles {
        match trouble {
            Trouble::ClosedOnHello
            | Trouble::ResetOnHello
            | Trouble::SilentOnHello { .. }
            | Trouble::Clear {
                what: Clear::TurnedAway { .. } | Clear::Smtp | Clear::Named(_) | Clear::Something,
                ..
            }
            | Trouble::OldTls
            | Trouble::NothingInCommon { .. }
            | Trouble::UnknownName { .. }
            | Trouble::OurCertificate { .. }
            | Trouble::Alert { .. }
            | Trouble::TooLarge
            | Trouble::BreaksRules { .. }
            | Trouble::Broken { .. } => {}
        }
    }
    troubles
}

pub fn every_in_clear() -> Vec<InClear> {
    let said = || escape(b"220 an attacker's words\x1b");
    let mut causes = vec![
        InClear::NoGreeting { seconds: 3600 },
        InClear::NotOffered { said: said() },
        InClear::NotSmtp { said: said() },
        InClear::ImplicitTls,
        InClear::NotTls { said: said() },
    ];
    for asked in [Asked::Greeting, Asked::Ehlo, Asked::StartTls] {
        causes.push(InClear::TextBehind { asked, said: said() });
        causes.extend([Code::UNAVAILABLE, Code::CLOSING].map(|code| InClear::Refused { asked, code, said: said() }));
    }
    for cause in &causes {
        match cause {
            InClear::NoGreeting { .. }
            | InClear::Refused { asked: Asked::Greeting | Asked::Ehlo | Asked::StartTls, .. }
            | InClear::NotOffered { .. }
            | InClear::TextBehind { .. }
            | InClear::NotSmtp { .. }
            | InClear::ImplicitTls
            | InClear::NotTls { .. } => {}
        }
    }
    causes
}

/// One of each cause, certificates and TLS with these facts.
pub fn every_error_with(facts: &Facts) -> Vec<Error> {
    let boxed = || Box::new(facts.clone());
    let heard = Heard::Nothing;
    let mut errors = vec![
        Error::Usage(format!("{}: not a host name", "x".repeat(60))),
        Error::Unusable { role: "--ca-file", object: "/etc/ca.pem".to_owned(), problem: "no such file".to_owned() },
        Error::Descriptor("descriptor 0 is a listening socket"),
        Error::Stranger { client: "192.0.2.1:40122".to_owned() },
        Error::Rights("setgroups failed".to_owned()),
        Error::NoSuchName,
        Error::NoAddress { family: "IPv4" },
        Error::NoAddress { family: "IPv6" },
        Error::NoAddress { family: "IPv4 or IPv6" },
        Error::Blocked,
        Error::ResolverFailed { problem: words() },
        Error::ResolverSilent { seconds: 3600 },
        Error::Refused { port: 465 },
        Error::Refused { port: 65535 },
        Error::NoInterface { name: escape(words().as_bytes()) },
        Error::Unreachable { problem: "No route to host".to_owned() },
        Error::NoRoute { family: "IPv4" },
        Error::NoRoute { family: "IPv6" },
        Error::ConnectTimeout { port: 65535 },
    ];
    errors.extend([1, 12, 24].map(|errno| {
        let source = io::Error::from_raw_os_error(errno);
        Error::OutOf { stage: Stage::Relay, source }
    }));
    errors.extend(every_in_clear().into_iter().map(Error::InClear));
    for stage in [Stage::StartTls, Stage::Handshake, Stage::Greeting, Stage::Relay] {
        errors.extend([
            Error::Terminated { stage },
            Error::Closed { stage, heard },
            Error::Closed { stage, heard: Heard::Something },
            Error::Reset { stage, heard },
            Error::Reset { stage, heard: Heard::Something },
            Error::Silent { stage, port: 465, seconds: 3600 },
            Error::Silent { stage, port: 65535, seconds: 3600 },
            Error::Turned { stage, line: escape(format!("421 {}", words()).as_bytes()) },
            Error::Turned { stage, line: escape(format!("554 {}", words()).as_bytes()) },
            Error::NotSmtp { stage, line: escape(words().as_bytes()) },
        ]);
    }
    errors.extend(every_fault().into_iter().map(|fault| Error::Certificate { fault, facts: boxed() }));
    for stage in [Stage::Handshake, Stage::Greeting] {
        errors.extend(every_trouble().into_iter().map(|trouble| Error::Tls { stage, trouble, facts: boxed() }));
    }
    for error in &errors {
        match error {
            Error::Usage(_)
            | Error::Unusable { .. }
            | Error::Descriptor(_)
            | Error::Stranger { .. }
            | Error::OutOf { .. }
            | Error::Rights(_)
            | Error::Terminated { .. }
            | Error::NoSuchName
            | Error::NoAddress { .. }
            | Error::Blocked
            | Error::ResolverFailed { .. }
            | Error::ResolverSilent { .. }
            | Error::Refused { .. }
            | Error::NoInterface { .. }
            | Error::Unreachable { .. }
            | Error::NoRoute { .. }
            | Error::ConnectTimeout { .. }
            | Error::InClear(_)
            | Error::Closed { .. }
            | Error::Reset { .. }
            | Error::Silent { .. }
            | Error::Turned { .. }
            | Error::NotSmtp { .. }
            | Error::Certificate { .. }
            | Error::Tls { .. } => {}
        }
    }
    errors
}

pub fn every_error() -> Vec<Error> {
    every_error_with(&facts())
}
