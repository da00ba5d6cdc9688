//! HOST[:PORT]: what is dialled, what is verified.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smtps_bridge::options::Dial;

use crate::cli::{options, sentence};

/// Goal: every form of HOST that the manual allows is dialled and verified as its writer means it.
#[test]
fn every_form_of_a_host_is_understood() {
    let name = |name: &str| Dial::Name(name.to_owned());
    let v4 = Dial::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    let v6 = Dial::Address(IpAddr::V6(Ipv6Addr::LOCALHOST));
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    let table = [
        ("smtp.example.com", name("smtp.example.com"), 465, "smtp.example.com"),
        ("smtp.example.com:2465", name("smtp.example.com"), 2465, "smtp.example.com"),
        ("smtp.example.com:submissions", name("smtp.example.com"), 465, "smtp.example.com"),
        ("smtp.example.com:smtps", name("smtp.example.com"), 465, "smtp.example.com"),
        ("smtp.example.com:65535", name("smtp.example.com"), 65535, "smtp.example.com"),
        // An absolute name: looked up as it is, verified without its dot (RFC 6066 section 3).
        ("smtp.example.com.", name("smtp.example.com."), 465, "smtp.example.com"),
        ("smtp.example.com.:465", name("smtp.example.com."), 465, "smtp.example.com"),
        ("xn--mller-kva.example", name("xn--mller-kva.example"), 465, "xn--mller-kva.example"),
        ("smarthost", name("smarthost"), 465, "smarthost"),
        (&longest, name(&longest), 465, &longest),
        ("192.0.2.1", v4.clone(), 465, "192.0.2.1"),
        ("192.0.2.1:25", v4, 25, "192.0.2.1"),
        ("[::1]", v6.clone(), 465, "::1"),
        ("[::1]:465", v6.clone(), 465, "::1"),
        ("[0:0::1]:submissions", v6.clone(), 465, "::1"),
        ("[::1%eth0]:25", v6, 25, "::1"),
    ];
    for (word, dial, port, server_name) in table {
        let options = options(&[word]);
        let host = &options.hosts[0];
        assert_eq!((&host.dial, host.port), (&dial, port), "{word}");
        assert_eq!(host.server_name_text(), server_name, "{word}");
    }
    assert_eq!(longest.len(), 253);
}

/// Goal: a link-local address belongs to an interface, and no certificate names one.
#[test]
fn the_zone_of_an_address_is_kept_for_the_connection_alone() {
    let host = |word| options(&[word]).hosts.remove(0);
    let with = host("[fe80::1%eth0.7]");
    assert_eq!((with.name.as_str(), with.zone.as_deref()), ("fe80::1%eth0.7", Some("eth0.7")));
    assert_eq!(with.server_name_text(), "fe80::1");
    assert!(!with.is_named_by_option());
    assert_eq!(host("[::1]").zone, None);
}

/// Goal: options may stand before, between and behind the hosts; `--` ends them; the order of hosts is kept.
#[test]
fn options_stand_anywhere_and_two_dashes_end_them() {
    let names = |words: &[&str]| options(words).hosts.into_iter().map(|host| host.name).collect::<Vec<_>>();
    assert_eq!(names(&["a", "-4", "b:25", "--no-pq", "c"]), ["a", "b", "c"]);
    assert_eq!(names(&["-4", "--", "a", "b"]), ["a", "b"]);
    assert!(sentence(vec!["--".into(), "--help".into()]).contains("--help"));
    assert!(sentence(vec!["a".into(), "--".into(), "--".into()]).contains("--"));
}

/// Goal: `--option=value` is `--option value`, an equals sign inside the value included.
#[test]
fn a_value_may_stand_behind_an_equals_sign() {
    let pin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let options = options(&["--setup-timeout=7", &format!("--pin-only={pin}"), "--server-name=b.example", "a"]);
    assert_eq!(options.setup_timeout.map(|given| given.as_secs()), Some(7));
    assert_eq!(options.hosts[0].server_name_text(), "b.example");
}

/// Goal: one --server-name holds for every host, an address included.
#[test]
fn a_server_name_replaces_that_of_every_host() {
    let hosts = options(&["--server-name", "mail.example.com.", "192.0.2.1", "[::1]:25", "a"]).hosts;
    assert!(hosts.iter().all(|host| host.server_name_text() == "mail.example.com"), "{hosts:?}");
    assert_eq!(options(&["--server-name", "192.0.2.9", "a"]).hosts[0].server_name_text(), "192.0.2.9");
}

/// Goal: without options, the defaults of design section 7.
#[test]
fn the_defaults_are_those_of_the_manual() {
    let options = options(&["a"]);
    assert_eq!(options.setup_timeout, None);
    assert_eq!(options.idle_timeout.map(|timeout| timeout.as_secs()), Some(7200));
    assert!(options.allow_from.is_empty() && options.user.is_none() && options.trust.identity.is_none());
}

/// Goal: 0 and the numbers from 660 on are idle timeouts; the others are in the table of refused words.
#[test]
fn an_idle_timeout_is_none_or_outlasts_the_wait_for_a_final_dot() {
    let seconds = |word| options(&["--idle-timeout", word, "a"]).idle_timeout.map(|timeout| timeout.as_secs());
    assert_eq!([seconds("0"), seconds("660"), seconds("86400")], [None, Some(660), Some(86400)]);
}

/// Goal: no argv of exec(2) holds NUL, but our own callers (fuzzers, a service manager's bindings) can: it is refused
/// and shown.
#[test]
fn nul_in_a_name_is_refused_and_shown() {
    for words in [
        vec!["a\0b"],
        vec!["a:4\x0065"],
        vec!["--server-name", "a\0b", "c"],
        vec!["--user", "a\0b", "c"],
        vec!["--a\0b", "c"],
        vec!["--log", "stderr\0", "c"],
    ] {
        let sentence = sentence(words.iter().map(OsString::from).collect());
        assert!(sentence.contains("\\x00"), "{words:?}: {sentence}");
    }
}
