//! Where a session stands: what the client's next octet belongs to, and which replies are owed to it.
//!
//! ```text
//!            a command                       354                   CRLF.CRLF
//!   Command ----------> Command    Answer ---------> Text -------------------> Command
//!      |  DATA, AUTH, STARTTLS       ^ |  334
//!      +-----------------------------+ +-----------> Exchange -- a line -----> Answer
//!      |  BDAT n                       |  anything else
//!      +--------------> Chunk          +-----------> Command
//!      |  QUIT            +--- n octets ---> Command
//!      +--------------> Over <--- 221, 421 of the server, from anywhere
//!
//!   Unknown, for good: from anywhere, when what was said has more than one meaning
//! ```
//!
//! A reply is owed from the end of what asks for it (a chunk: from its line on) until its last octet is delivered. The
//! client's octets are reported before they are sent, the server's twice: received, before they are written to the client,
//! and delivered, after it.

mod client;
mod record;
mod server;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use super::command::Line;
use super::reply::Replies;
use super::text::{LastWords, Place};

use record::Record;

pub use record::{Account, Unauthenticated};

/// More commands than any client pipelines; each costs one octet.
const MOST_OWED: usize = 4096;

/// What we do besides following.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Another protocol (`--no-reply`): nothing is followed.
    NotSmtp,
    Follow,
    /// `--require-auth`: MAIL waits for a 235.
    RequireAuth,
}

/// What the client's next octet belongs to.
enum Client {
    Command(Line),
    /// Nothing may come before the reply.
    Answer,
    /// A line of a SASL exchange, of which only the end is looked at.
    Exchange {
        layer: bool,
        line: Line,
    },
    Text(Place),
    /// The octets that are left of it.
    Chunk(u64),
    Over(Line),
    Unknown,
}

/// What a reply is owed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    Ehlo,
    Mail,
    Rcpt,
    Data { crlf: bool },
    Text,
    Chunk,
    LastChunk,
    Auth { layer: bool },
    StartTls,
    Turn,
    Quit,
    Other,
}

/// How much of what the client said may go up now, and why not more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    pub go: usize,
    pub hold: Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    Nothing,
    /// The client's next octets decide.
    Unsure,
    /// Until the reply that is owed.
    Reply,
    /// MAIL before a 235: see `refuse`.
    Mail,
    /// Before a 235, and what was said may be MAIL: the session is over, without a word of ours.
    Lost,
    /// The client speaks TLS: nothing of it goes up.
    Tls,
}

/// What the client says next, for the code that cuts it into lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Line,
    Text,
    /// Octets of a chunk, in which a line's end is none.
    Chunk(u64),
    Anything,
}

/// What is left to come, once the client has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is owed that can still come. `inside`: a text or a chunk has begun and not ended.
    Settled {
        inside: bool,
    },
    /// Nothing but the answer to QUIT.
    Leaving,
    Owed,
    /// `lone_dot`: the last words may have been the end of a message.
    Unknown {
        lone_dot: bool,
    },
}

/// Who may write to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    Nobody,
    /// Octets of the server are on their way.
    Server,
    /// A reply of ours took their place, for good.
    Us,
}

pub struct Dialogue {
    rules: Rules,
    client: Client,
    /// Invariant: at most `MOST_OWED`, the oldest first; empty while unknown.
    owed: VecDeque<Owed>,
    replies: Replies,
    writer: Writer,
    /// The server's last reply was its end.
    goodbye: bool,
    /// The main thread wants to know when the next octets are delivered.
    waited_for: bool,
    /// Nothing has gone up yet.
    fresh: bool,
    /// The server knows that the client has ended, so nothing that it says is a surprise any more.
    ended: bool,
    last_words: LastWords,
    record: Record,
}

impl Dialogue {
    /// One whose greeting is on its way to the client.
    pub fn new(rules: Rules) -> Dialogue {
        let (client, writer) = match rules {
            Rules::NotSmtp => (Client::Unknown, Writer::Nobody),
            Rules::Follow | Rules::RequireAuth => (Client::Command(Line::default()), Writer::Server),
        };
        Dialogue {
            rules,
            client,
            owed: VecDeque::new(),
            replies: Replies::default(),
            writer,
            goodbye: false,
            waited_for: false,
            fresh: true,
            ended: false,
            last_words: LastWords::default(),
            record: Record::default(),
        }
    }

    fn holds_mail(&self) -> bool {
        self.rules == Rules::RequireAuth && !self.record.is_logged_in()
    }

    /// Unknown, and before a 235 under `--require-auth`: no one can tell where a MAIL begins.
    pub fn is_lost(&self) -> bool {
        self.holds_mail() && !self.is_known()
    }

    pub fn is_known(&self) -> bool {
        !matches!(self.client, Client::Unknown)
    }

    fn lose(&mut self) {
        if !self.ended {
            self.client = Client::Unknown;
            self.owed.clear();
        }
    }

    /// The client has ended, and this is passed on to the server.
    pub fn client_ended(&mut self) {
        self.ended = true;
    }

    /// A MAIL is held: takes the right to write to the client, for good, once the server's last reply stands whole and none
    /// is owed. None: not now.
    pub fn refuse(&mut self) -> Option<Unauthenticated> {
        if !self.is_settled() || !self.is_known() || self.goodbye {
            return None;
        }
        self.writer = Writer::Us;
        Some(self.record.unauthenticated())
    }

    /// The last login was answered 4yz.
    pub fn is_put_off(&self) -> bool {
        self.record.is_put_off()
    }

    /// Nothing is owed, and nothing on its way. If not, `delivered` will tell.
    pub fn is_settled(&mut self) -> bool {
        let settled = self.owed.is_empty() && self.writer != Writer::Server && !self.replies.is_cut();
        self.waited_for |= !settled;
        settled
    }

    /// Whether a reply to a message is owed or on its way. If so, `delivered` will tell.
    pub fn owes_for_a_message(&mut self) -> bool {
        let whole = self.owed.len().saturating_sub(usize::from(self.is_inside_a_chunk()));
        let owes = self.writer == Writer::Server
            || self.owed.iter().take(whole).any(|owed| matches!(owed, Owed::Text | Owed::Chunk | Owed::LastChunk));
        self.waited_for |= owes;
        owes
    }

    /// Whether octets of the server are on their way to the client. If so, `delivered` will tell.
    pub fn is_delivering(&mut self) -> bool {
        self.waited_for |= self.writer == Writer::Server;
        self.writer == Writer::Server
    }

    /// What is owed to a client that has ended.
    pub fn standing(&mut self) -> Standing {
        if !self.is_known() && !self.goodbye {
            self.waited_for = true;
            return Standing::Unknown { lone_dot: self.last_words.are_a_lone_dot() };
        }
        if self.is_settled() {
            return Standing::Settled { inside: self.is_inside() };
        }
        match (self.owed.front(), self.owed.len(), self.writer) {
            (Some(Owed::Quit), 1, Writer::Nobody) => Standing::Leaving,
            // The reply to a chunk that will never be whole.
            (Some(_), 1, Writer::Nobody) if self.is_inside_a_chunk() && !self.replies.is_cut() => {
                Standing::Settled { inside: true }
            }
            _ => Standing::Owed,
        }
    }

    /// Neither side has said a word behind the greeting: the client can have lost nothing.
    pub fn is_fresh(&self) -> bool {
        self.fresh && self.is_known() && !self.replies.is_cut()
    }

    /// Whether the server may end here: it has answered everything, and neither side has left anything incomplete.
    pub fn is_complete(&self) -> bool {
        self.owed.is_empty() && !self.replies.is_cut() && self.is_known() && !self.is_inside()
    }

    /// The server's last reply is its end, whole.
    pub fn is_goodbye(&self) -> bool {
        self.goodbye && !self.replies.is_cut()
    }

    /// What the client's next octet belongs to.
    pub fn expected(&self) -> Expected {
        match self.client {
            Client::Command(_) | Client::Answer | Client::Exchange { .. } => Expected::Line,
            Client::Text(_) => Expected::Text,
            Client::Chunk(left) => Expected::Chunk(left),
            Client::Over(_) | Client::Unknown => Expected::Anything,
        }
    }

    /// None while unknown.
    pub fn account(&self) -> Option<Account> {
        self.is_known().then(|| self.record.account())
    }

    fn is_inside(&self) -> bool {
        matches!(self.client, Client::Text(_)) || self.is_inside_a_chunk()
    }

    fn is_inside_a_chunk(&self) -> bool {
        matches!(self.client, Client::Chunk(_))
    }
}
