//! What a run does: three octets of head, then two octets for each step of either side.

/// The limits: steps of a run, and octets in one direction.
const STEPS: usize = 48;
pub const MOST: usize = 2_000_000;

pub struct Plan {
    pub tls12: bool,
    /// The client is two pipes, else one socket.
    pub pipes: bool,
    pub crlf: bool,
    /// What is waited for before the session begins.
    pub greeting: Option<Opening>,
    /// `--require-auth`.
    pub require_auth: bool,
    /// Clocks run so fast that they take part, else so slowly that they never do.
    pub fast: bool,
    /// Both sockets take little at once.
    pub narrow: bool,
    /// Both sides begin before the relay does.
    pub eager: bool,
    pub idle: bool,
    pub hello: Hello,
    pub last: Last,
    pub steps: Vec<Step>,
}

#[derive(Clone, Copy)]
pub struct Opening {
    pub octets: &'static [u8],
    /// This many are the greeting, and it is a good one. None: there is no session.
    pub whole: Option<usize>,
}

/// What the server says in the handshake.
pub enum Hello {
    Proper,
    /// One octet of its own, at this place, is changed by these bits.
    Bent {
        at: usize,
        bits: u8,
    },
    /// These octets, and its end.
    Raw(Vec<u8>),
}

#[derive(Clone, Copy, Debug)]
pub enum Step {
    ClientWrites(usize),
    ClientSays(&'static [u8]),
    ClientReads(usize),
    ClientHalfCloses,
    /// It takes nothing more.
    ClientStopsReading,
    ClientCloses,
    ServerWrites(usize),
    /// This many records of one octet each.
    ServerDrips(usize),
    ServerSays(&'static [u8]),
    ServerReads,
    ServerUpdatesKeys,
    ServerNotifies,
    /// FIN.
    ServerFinishes,
    ServerCloses,
    ServerSaysNoTls(&'static [u8]),
    /// A fatal alert of its own.
    ServerAlerts,
    /// A record, but for its last octets: they go out with what follows.
    ServerHesitates(usize),
    Pause(u8),
    /// Until everything has arrived.
    Settle,
    Sigterm,
}

/// Who ends the session if the steps have not.
#[derive(Clone, Copy, Debug)]
pub enum Last {
    Notify,
    Finish,
    Goodbye,
    Close,
    HalfClose,
    ClientCloses,
    Sigterm,
    /// Neither side: the clocks do.
    Clocks,
}

const SIZES: [usize; 12] = [1, 2, 5, 100, 1000, 4096, 16_383, 16_384, 16_385, 40_000, 70_000, 300_000];

const GREETINGS: [Opening; 8] = [
    Opening { octets: b"220 smarthost.test\r\n", whole: Some(20) },
    Opening { octets: b"220-smarthost.test\r\n220-wait\r\n220 ESMTP\r\n", whole: Some(41) },
    Opening { octets: b"220\n", whole: Some(4) },
    Opening { octets: b"554-no\r\n554 5.7.1 no\r\n", whole: None },
    Opening { octets: b"421 4.3.2 later\r\n", whole: None },
    Opening { octets: b"220-a\r\n250 b\r\n", whole: None },
    Opening { octets: b"hello\r\n", whole: None },
    Opening { octets: b"220 smarthost.test\r\n421 4.3.2 behind it\r\n", whole: Some(20) },
];

const WORDS: [&[u8]; 32] = [
    b"EHLO client.test\r\n",
    b"QUIT\r\n",
    b"a\nb\n",
    b"\n",
    b"\r",
    b".\r\n",
    b"\r\n.\r\n",
    b"\r\r\n\n",
    b"MAIL FROM:<a@b>\r\n",
    b"RCPT TO:<c@d>\r\n",
    b"DATA\r\n",
    b"text\r\n",
    b"NOOP\r\n",
    b"RSET\n",
    b"AUTH PLAIN AGEAYg==\r\n",
    b"AUTH LOGIN\r\n",
    b"YQ==\r\n",
    b"BDAT 5\r\n",
    b"BDAT 5 LAST\r\nhello",
    b"hello",
    b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
    b"text\r\n.\r\nQUIT\r\n",
    b"EHLO client.test\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 5 LAST\r\nhello",
    b"AUTH PLAIN AGEAYg==\r\nMAIL FROM:<a@b>\r\n",
    b"DATA\r\ntext\r\n.\r\nQUIT\r\n",
    b"\n.\nQUIT\n",
    b"\x16\x03\x01\x02\x00",
    b"\x16",
    b"MA",
    b"NO",
    b"STARTTLS\r\n",
    b"BDAT 0 LAST\r\n",
];

const REPLIES: [&[u8]; 24] = [
    b"220 smarthost.test\r\n",
    b"250 ok\r\n",
    b"250-more\r\n",
    b"221 bye\r\n",
    b"421 4.3.2 going down\r\n",
    b"221 b",
    b"221-more\r\n",
    b"\r\n",
    b"221\n",
    b"4",
    b"354 go on\r\n",
    b"334 VXNlcg==\r\n",
    b"235 welcome\r\n",
    b"535-no\r\n535 5.7.8 no\r\n",
    b"454 4.7.0 later\r\n",
    b"550 5.1.1 no\r\n",
    b"250-smarthost.test\r\n250-AUTH PLAIN\r\n250 SIZE\r\n",
    b"250 ok\r\n250 ok\r\n354 go on\r\n",
    b"250 ok\r\n221 bye\r\n",
    b"552 too big\r\n",
    b"503 no\r\n",
    b"353 PRDR\r\n",
    b"25",
    b"0 ok\n",
];

/// No records, or none with the right key.
const NO_TLS: [&[u8]; 8] = [
    b"421 4.3.2 too many sessions\r\n",
    &[23, 3, 3, 0, 1, 0],
    &[23, 3, 3, 0xff, 0xff],
    &[0x99, 3, 3, 0, 1, 0],
    &[21, 3, 3, 0, 2, 2, 40],
    &[22, 3, 3, 0, 4, 0, 0, 0, 0],
    &[
        23, 3, 3, 0, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
        27, 28, 29, 30, 31, 32,
    ],
    &[23, 3, 3, 0, 0],
];

impl Plan {
    /// None: too short to say anything.
    pub fn new(data: &[u8]) -> Option<Plan> {
        let (&[first, second, third], rest) = data.split_first_chunk::<3>()?;
        let is = |octet: u8, bit: u8| octet >> bit & 1 == 1;
        let (hello, rest) = match (second >> 6, rest) {
            (2, [at, more, bits, rest @ ..]) => {
                (Hello::Bent { at: usize::from(*at) | usize::from(*more) << 8, bits: *bits }, rest)
            }
            (3, raw) => (Hello::Raw(raw.to_vec()), &[][..]),
            (_, rest) => (Hello::Proper, rest),
        };
        Some(Plan {
            tls12: is(first, 0),
            pipes: is(first, 1),
            crlf: is(first, 2),
            greeting: is(first, 3).then_some(GREETINGS[usize::from(third & 7)]),
            require_auth: is(third, 3),
            fast: is(first, 4),
            narrow: is(first, 5),
            eager: is(first, 6),
            idle: is(first, 7),
            hello,
            last: last(second, is(first, 4)),
            steps: rest.chunks_exact(2).take(STEPS).map(|pair| step(pair[0], pair[1])).collect(),
        })
    }
}

fn last(octet: u8, fast: bool) -> Last {
    match octet % 8 {
        0 => Last::Notify,
        1 => Last::Finish,
        2 => Last::Goodbye,
        3 => Last::Close,
        4 => Last::HalfClose,
        5 => Last::ClientCloses,
        6 => Last::Sigterm,
        _ if fast => Last::Clocks,
        _ => Last::Notify,
    }
}

fn step(what: u8, how: u8) -> Step {
    let n = usize::from(how);
    let size = SIZES[n % SIZES.len()];
    match what % 20 {
        0 => Step::ClientWrites(size),
        1 => Step::ClientSays(WORDS[n % WORDS.len()]),
        2 => Step::ClientReads(size),
        3 => Step::ClientHalfCloses,
        4 => Step::ClientStopsReading,
        5 => Step::ClientCloses,
        6 => Step::ServerWrites(size),
        7 => Step::ServerDrips(n),
        8 => Step::ServerSays(REPLIES[n % REPLIES.len()]),
        9 => Step::ServerReads,
        10 => Step::ServerUpdatesKeys,
        11 => Step::ServerNotifies,
        12 => Step::ServerFinishes,
        13 => Step::ServerCloses,
        14 => Step::ServerSaysNoTls(NO_TLS[n % NO_TLS.len()]),
        15 => Step::ServerAlerts,
        16 => Step::ServerHesitates(n),
        17 => Step::Pause(how % 4),
        18 => Step::Settle,
        _ => Step::Sigterm,
    }
}
