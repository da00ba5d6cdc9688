//! What was learned about one address, accepted or refused: TLS, chain, names, dates, pin, greeting and EHLO.

use std::time::Duration;

use rustls::pki_types::ServerName;

use super::screen::Screen;
use crate::dial::Told;
use crate::error::{Error, InClear};
use crate::smtp::{Code, Reply};
use crate::text::escape;
use crate::tls::Agreed;
use crate::trust::{Chain, Trusted};
use crate::x509::{date, now, AltName, AltNames, Kind, Validity};

/// What a client may want to use; anything else a server offers does not decide whether mail goes out.
const EXTENSIONS: [&str; 6] = ["AUTH", "SIZE", "PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING"];

/// How many names are shown; a certificate may hold 10 000.
const NAMES: usize = 3;

/// Of EHLO's reply.
pub fn show_offers(reply: &Reply, screen: &mut Screen) {
    let offered: Vec<String> = EXTENSIONS
        .iter()
        .filter_map(|extension| reply.keyword(extension))
        .map(|line| escape(line).to_string())
        .collect();
    let lacking: Vec<&str> = EXTENSIONS.into_iter().filter(|extension| !reply.offers(extension)).collect();
    screen.line("EHLO", &if offered.is_empty() { "nothing of use".to_owned() } else { offered.join(", ") });
    if !lacking.is_empty() {
        screen.line("lacks", &lacking.join(", "));
    }
}

/// `error` is why the address gave no session, so that nothing is reported twice.
pub fn show(
    told: &Told,
    error: Option<&Error>,
    server_name: &ServerName<'static>,
    trusted: &Trusted,
    screen: &mut Screen,
) {
    show_clear(&told.clear, error, screen);
    if let Some(facts) = &told.agreed {
        screen.line("TLS", &agreed(facts));
    }
    show_chain(&told.chain, screen);
    if let Some(anchor) = trusted.anchor(&told.chain) {
        screen.line("anchor", &anchor.to_string());
        screen.line("", &format!("in {}", trusted.anchors));
    } else if trusted.given.pin_only && !told.chain.links.is_empty() {
        screen.line("anchor", "none: the key is the whole trust (--pin-only)");
    }
    if let Some(leaf) = told.chain.leaf() {
        screen.line("names", &names(&leaf.names));
        let matching = leaf.names.matching(server_name).map(shown);
        screen.line("match", &matching.unwrap_or_else(|| format!("none for {}", server_name.to_str())));
        // Renewing a certificate that is refused for another reason does not help.
        let is_refused = matches!(error, Some(Error::Certificate { .. }));
        show_days(leaf.validity, is_refused, "ask the server's administrator to renew it", screen);
        if !leaf.may_sign && !is_refused {
            screen.wrong("warning", UNUSABLE_SOON);
        }
        screen.line("pin", &leaf.pin());
    }
    if let Some(greeting) = &told.greeting {
        screen.line("greeting", &escape(greeting.first()).to_string());
    }
}

// https://github.com/rustls/webpki/pull/510
const UNUSABLE_SOON: &str =
    "the certificate's key usage does not allow digital signatures, and a later version of this \
                             program will refuse it: ask the server's administrator to reissue it";

/// What was said before TLS, of which not a word is authenticated. The reply that ended it is reported with its failure.
fn show_clear(replies: &[Reply], error: Option<&Error>, screen: &mut Screen) {
    let told = matches!(error, Some(Error::InClear(InClear::Refused { .. } | InClear::NotOffered { .. })));
    let shown = replies.len().saturating_sub(usize::from(told));
    for (reply, to) in replies.iter().take(shown).zip(["greeting", "EHLO", "STARTTLS"]) {
        screen.line("in clear", &format!("{to}: {}", escape(&reply.words())));
    }
    if replies.iter().any(|reply| reply.code == Code::OK && reply.offers("AUTH")) {
        let advice = "AUTH is offered in clear, where a program without TLS would show its password: ask the \
                      server's administrator to offer it behind STARTTLS alone";
        screen.wrong("warning", advice);
    }
}

/// How long a certificate is still valid; a warning if it expires soon. `told`: it is reported elsewhere.
pub fn show_days(validity: Validity, told: bool, cure: &str, screen: &mut Screen) {
    let now = now();
    let (begins, ends, today) = (date(validity.not_before), date(validity.not_after), date(now));
    let days = validity.days_left(now);
    let state = match (validity.not_before <= now, now <= validity.not_after) {
        (_, false) => format!("none: expired on {ends}, {} ago", days_of(now.saturating_sub(validity.not_after))),
        (false, true) => format!("not valid before {begins}"),
        (true, true) => format!("{days}, until {ends}"),
    };
    screen.line("days left", &state);
    if told {
        return;
    }
    match (validity.valid_at(now), validity.ends_soon(now)) {
        (false, _) => screen.wrong(
            "warning",
            &format!("the certificate is valid from {begins} to {ends} only, today is {today}; {cure}"),
        ),
        (true, true) => {
            let left = days_of(validity.not_after.saturating_sub(now));
            screen.wrong("warning", &format!("the certificate expires on {ends}, in {left}, today is {today}; {cure}"));
        }
        (true, false) => {}
    }
}

fn agreed(facts: &Agreed) -> String {
    let kind = if facts.group.contains("MLKEM") { " (post-quantum)" } else { "" };
    let group = if facts.group.is_empty() { String::new() } else { format!(", {}{kind}", facts.group) };
    let alpn = facts.alpn.as_ref().map_or("no ALPN".to_owned(), |name| format!("ALPN {name}"));
    format!("{}, {}{group}, {alpn}", facts.version, facts.suite)
}

/// As the server sent it.
fn show_chain(chain: &Chain, screen: &mut Screen) {
    for (number, link) in (1..).zip(&chain.links) {
        let label = format!("chain {number}");
        let Some(cert) = &link.cert else {
            screen.line(&label, &format!("cannot be read ({} octets)", link.der.len()));
            continue;
        };
        screen.line(&label, &cert.subject.whole.to_string());
        let issuer = if cert.is_self_issued() { "itself".to_owned() } else { cert.issuer.whole.to_string() };
        screen.line("", &format!("issued by {issuer}"));
        let (begins, ends) = (date(cert.validity.not_before), date(cert.validity.not_after));
        let state = if cert.validity.not_after < now() {
            ", expired"
        } else if cert.validity.not_before > now() {
            ", not yet valid"
        } else {
            ""
        };
        screen.line("", &format!("{begins} to {ends}{state}, {}", cert.key.words));
    }
    if chain.more > 0 {
        screen.line("chain ...", &format!("and {} more", chain.more));
    }
}

fn names(names: &AltNames) -> String {
    let first: Vec<String> = names.all.iter().take(NAMES).map(shown).collect();
    let more = match names.all.len().saturating_sub(NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match (first.is_empty(), names.is_malformed) {
        (true, false) => "none (no SAN)".to_owned(),
        (true, true) => "none that can be read (malformed SAN)".to_owned(),
        (false, false) => format!("{}{more}", first.join(", ")),
        (false, true) => format!("{}{more} (malformed SAN)", first.join(", ")),
    }
}

/// A malformed name does not look like a good one.
fn shown(name: &AltName) -> String {
    let text = &name.text;
    match name.kind {
        Kind::Dns | Kind::Pattern | Kind::Address => text.to_string(),
        Kind::AddressAsDns => format!("{text} (as a DNS name)"),
        Kind::NotAName => format!("{text} (no host name)"),
    }
}

fn days_of(time: Duration) -> String {
    match time.as_secs() / 86_400 {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
