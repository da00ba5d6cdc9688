//! The mail that every smarthost gets, each with what it offers, and a client for it.

/// 25 MB, in lines of 76 and two octets.
const LARGE: usize = 25_000_000;
const RECIPIENTS: usize = 500;

pub struct Mail {
    pub name: &'static str,
    pub from: &'static str,
    pub to: Vec<String>,
    /// Behind `MAIL FROM:<...>`.
    pub options: &'static str,
    /// By BDAT in chunks of this size, and not by DATA.
    pub chunks: Option<usize>,
    /// Header and body, dots not stuffed.
    pub data: Vec<u8>,
}

impl Mail {
    fn new(name: &'static str, body: impl AsRef<[u8]>) -> Mail {
        let mut data = format!(
            "X-Mail: {name}\r\nFrom: Alice <alice@example.org>\r\nTo: bob@example.net\r\n\
             Date: Sun, 22 Nov 2026 20:37:00 +0000\r\nMessage-ID: <{id}@laptop.test>\r\nSubject: {name}\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
            id = name.replace(' ', "-")
        )
        .into_bytes();
        data.extend_from_slice(body.as_ref());
        let to = vec!["bob@example.net".to_owned()];
        Mail { name, from: "alice@example.org", to, options: "", chunks: None, data }
    }

    /// What goes over the wire by DATA.
    pub fn stuffed(&self) -> Vec<u8> {
        let mut wire = Vec::with_capacity(self.data.len() + self.data.len() / 50);
        for line in self.data.split_inclusive(|&octet| octet == b'\n') {
            if line.starts_with(b".") {
                wire.push(b'.');
            }
            wire.extend_from_slice(line);
        }
        wire.extend_from_slice(b".\r\n");
        wire
    }
}

/// The mails that a server with these offers (the keywords of its EHLO reply) must take.
pub fn mails(offers: &[String]) -> Vec<Mail> {
    let offered = |keyword: &str| offers.iter().any(|offer| offer == keyword);
    let mut mails = vec![
        Mail::new("1 byte", "x\r\n"),
        // RFC 5321 section 4.5.3.1.6: 1000 octets with the CRLF. Short ones and dots stand around it.
        Mail::new("a line of 998 octets", format!("..\r\n{}\r\n.\r\n", "y".repeat(998))),
        Mail { to: recipients(), ..Mail::new("500 recipients", "to all of you\r\n") },
    ];
    if offered("8BITMIME") {
        mails.push(Mail { options: " BODY=8BITMIME", ..Mail::new("8BITMIME", eight_bit()) });
    }
    if offered("SMTPUTF8") {
        mails.push(Mail {
            from: "älice@example.org",
            to: vec!["böb@example.net".to_owned()],
            options: " SMTPUTF8 BODY=8BITMIME",
            ..Mail::new("SMTPUTF8", "grüße\r\n")
        });
    }
    if offered("CHUNKING") {
        // Chunks end within lines, and a dot at the start of a line is nothing special.
        let body = [eight_bit(), b".\r\n..\r\n".to_vec(), large(200_000)].concat();
        mails.push(Mail { options: " BODY=8BITMIME", chunks: Some(65_537), ..Mail::new("CHUNKING", body) });
    }
    mails.push(Mail::new("25 MB", large(LARGE)));
    mails
}

fn recipients() -> Vec<String> {
    (0..RECIPIENTS).map(|n| format!("recipient-{n}@example.net")).collect()
}

/// Every octet from 0x80 to 0xff, in lines of 16.
fn eight_bit() -> Vec<u8> {
    let octets: Vec<u8> = (0x80..=0xff).collect();
    octets.chunks(16).flat_map(|line| [line, b"\r\n"].concat()).collect()
}

/// As many octets or a few less, in lines of which no two are alike and one in 64 begins with a dot.
fn large(octets: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(octets);
    for n in 0..octets / 78 {
        let first = if n % 64 == 0 { '.' } else { 'z' };
        body.extend_from_slice(format!("{first}{n:075}\r\n").as_bytes());
    }
    body
}
