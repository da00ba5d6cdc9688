//! What a client says: a polite one, which waits where it must, or anything.

use std::collections::VecDeque;

use super::server::Asked;

/// Words that no client may say by the rules, and words that all say, at the wrong time.
pub const WORDS: [&[u8]; 64] = [
    b"EHLO me\r\n",
    b"MAIL FROM:<a@b>\r\n",
    b"RCPT TO:<c@d>\r\n",
    b"DATA\r\n",
    b"\r\n.\r\n",
    b"text\r\n",
    b"QUIT\r\n",
    b"NOOP\r\n",
    b"RSET\n",
    b"AUTH PLAIN AGEAYg==\r\n",
    b"AUTH LOGIN\r\n",
    b"YQ==\r\n",
    b"*\r\n",
    b"BDAT 5 LAST\r\nhello",
    b"BDAT 5\r\n",
    b"hello",
    b"STARTTLS\r\n",
    b"XCLIENT NAME=me\r\n",
    b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
    b"EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 5 LAST\r\nhello",
    b"AUTH PLAIN AGEAYg==\r\nMAIL FROM:<a@b>\r\n",
    b"RSET\r\nMAIL FROM:<a@b>\r\n",
    b"DATA\r\ntext\r\n.\r\nQUIT\r\n",
    b"DATA\n",
    b"data x\r\n",
    b".",
    b".\r\n",
    b".\n",
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r\n.\r",
    b"..\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"mail from:<>\n",
    b"MAIL\tFROM:<a@b>\r\n",
    b"MAIL\r\n",
    b"MAILMAIL FROM:<a@b>\r\n",
    b"MAIL\x0bFROM:<a@b>\r\n",
    b"\0MAIL FROM:<a@b>\r\n",
    b" MAIL FROM:<a@b>\r\n",
    b"\tDATA\r\n",
    b"DATA\x0c\r\n",
    b"NO\rOP\r\n",
    b"NOOP\rMAIL FROM:<a@b>\r\n",
    b"YQ==\rMAIL FROM:<a@b>\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 20 LAST\r\n",
    b"BDAT 8\r\nNOOP\r\n..",
    b"BDAT x\r\n",
    b"BDAT 5x\r\n",
    b"BDAT 5 LAST x\r\n",
    b"BDAT\x0b5\r\n",
    b"BDAT 18446744073709551615\r\n",
    b"AUTH GSSAPI\r\n",
    b"ATRN\r\n",
    b"QUIT x\r\n",
    b"\n.\nQUIT\n",
    b"\x16",
    b"\x16\x03\x01",
    b"\xff\xfe",
];

/// A client that keeps to RFC 5321, RFC 2920 and RFC 3030: it pipelines, but waits behind DATA, AUTH and STARTTLS.
#[derive(Clone, Default)]
pub struct Polite {
    owed: VecDeque<Asked>,
    place: Place,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Command,
    /// It waits for the reply.
    Answer,
    Text,
    Exchange,
    Over,
}

/// Words, what is owed to them, and where they lead.
type Saying = (&'static [u8], &'static [Asked], Place);

const AUTH: &[Asked] = &[Asked::Auth { layer: false }];

const COMMANDS: &[Saying] = &[
    (b"EHLO me\r\n", &[Asked::Ehlo], Place::Command),
    (b"NOOP\n", &[Asked::Other], Place::Command),
    (b"MAIL FROM:<a@b>\r\n", &[Asked::Mail], Place::Command),
    (b"RCPT TO:<c@d>\r\n", &[Asked::Rcpt], Place::Command),
    (b"DATA\r\n", &[Asked::Data], Place::Answer),
    (b"mail from:<>\r\nrcpt to:<>\r\ndata\r\n", &[Asked::Mail, Asked::Rcpt, Asked::Data], Place::Answer),
    (b"RSET\r\nMAIL FROM:<a@b>\r\n", &[Asked::Other, Asked::Mail], Place::Command),
    (b"AUTH PLAIN AGEAYg==\r\n", AUTH, Place::Answer),
    (b"auth login\n", AUTH, Place::Answer),
    (b"VRFY \xc3\xa4\r\n", &[Asked::Bad], Place::Command),
    (b"STARTTLS\r\n", &[Asked::StartTls], Place::Answer),
    (b"QUIT\r\n", &[Asked::Quit], Place::Over),
    (b"BDAT 8\r\nQUIT\r\n.\n", &[Asked::Chunk { last: false }], Place::Command),
    (b"BDAT 5 LAST\r\nhello", &[Asked::Chunk { last: true }], Place::Command),
    (b"BDAT 0 LAST\r\nQUIT\r\n", &[Asked::Chunk { last: true }, Asked::Quit], Place::Over),
];

const TEXTS: &[Saying] = &[
    (b"text\r\n", &[], Place::Text),
    (b"\r\n..\r\n\r\n", &[], Place::Text),
    (b"a\nb\n\r\n", &[], Place::Text),
    (b"MAIL FROM:<a@b>\r\n.QUIT\r\n", &[], Place::Text),
    (b"\r\n.\r\n", &[Asked::Text], Place::Command),
    (b"text\r\n.\r\nRSET\r\n", &[Asked::Text, Asked::Other], Place::Command),
    (b"\r\n.\r\nQUIT\r\n", &[Asked::Text, Asked::Quit], Place::Over),
];

const RESPONSES: &[Saying] =
    &[(b"YQ==\r\n", AUTH, Place::Answer), (b"\r\n", AUTH, Place::Answer), (b"*\n", AUTH, Place::Answer)];

impl Polite {
    /// What it says next: nothing while it waits, and BDAT only to a server that knows it.
    pub fn says(&mut self, how: u8, chunks: bool) -> Vec<u8> {
        let sayings = match self.place {
            Place::Command if chunks => COMMANDS,
            Place::Command => &COMMANDS[..COMMANDS.len() - 3],
            Place::Text => TEXTS,
            Place::Exchange => RESPONSES,
            Place::Answer | Place::Over => return Vec::new(),
        };
        let (words, asked, place) = sayings[usize::from(how) % sayings.len()];
        self.owed.extend(asked);
        self.place = place;
        words.to_vec()
    }

    /// A whole reply reached it.
    pub fn reads(&mut self, code: u16) {
        self.place = match (self.owed.pop_front(), code) {
            (_, 421) => Place::Over,
            (Some(Asked::Data), 354) => Place::Text,
            (Some(Asked::Auth { .. }), 334) => Place::Exchange,
            (Some(Asked::Data | Asked::Auth { .. } | Asked::StartTls), _) => Place::Command,
            _ => self.place,
        };
    }
}
