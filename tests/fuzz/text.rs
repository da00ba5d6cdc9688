//! Any foreign octets: what comes out is printable, one line, and never longer than its cap.

use smtps_bridge::text::{cut, escape, line, value};

/// The first two octets are the cap.
pub fn run(data: &[u8]) {
    let Some((&[high, low], foreign)) = data.split_first_chunk() else { return };
    let cap = usize::from(u16::from_be_bytes([high, low]) % 2000);
    let whole = escape(foreign, 4 * foreign.len());
    printable(&whole);
    assert_eq!(unescape(&whole), foreign, "nothing is lost without a cap");
    let short = escape(foreign, cap);
    printable(&short);
    assert!(short.len() <= cap);
    match whole.len() <= cap {
        true => assert_eq!(short, whole),
        false => {
            assert!(cap < 3 || short.ends_with("...") && whole.starts_with(short.strip_suffix("...").unwrap_or(&short)))
        }
    }
    assert_eq!(cut(&whole, cap), short);
    let lossy = String::from_utf8_lossy(foreign);
    let one = line(&lossy, cap);
    printable(&one);
    assert!(one.len() <= cap);
    let field = value(&whole);
    printable(&field);
    // A reader of logfmt finds its end again.
    match field.strip_prefix('"') {
        Some(rest) => assert_eq!(rest.find('"'), Some(rest.len() - 1)),
        None => assert!(!field.is_empty() && !field.contains([' ', '"', '='])),
    }
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
