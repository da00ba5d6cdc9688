//! How a session ended: its word in the log and its exit code.

use crate::exit::Exit;
use crate::smtp::Account;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    CloseNotify,
    Eof,
    Truncated,
    LocalEof,
    ClientGone,
    ClientTls,
    Unauthenticated,
    Alert,
    BadRecord,
    Reset,
    Terminated,
    Idle,
}

impl End {
    /// The word in the log.
    pub fn word(self) -> &'static str {
        match self {
            End::CloseNotify => "close_notify",
            End::Eof => "eof",
            End::Truncated => "truncated",
            End::LocalEof => "local_eof",
            End::ClientGone => "client_gone",
            End::ClientTls => "client_tls",
            End::Unauthenticated => "unauthenticated",
            End::Alert => "alert",
            End::BadRecord => "bad_record",
            End::Reset => "reset",
            End::Terminated => "terminated",
            End::Idle => "idle",
        }
    }
}

/// How the main loop came to its end.
#[derive(Debug)]
pub struct Outcome {
    pub end: End,
    pub exit: Exit,
    /// What the system, the server or we say about it, escaped.
    pub reason: Option<String>,
    /// A reply of ours, which may be written.
    pub reply: Option<String>,
}

impl Outcome {
    pub fn new(end: End, exit: Exit) -> Outcome {
        Outcome { end, exit, reason: None, reply: None }
    }

    pub fn because(self, reason: impl Into<String>) -> Outcome {
        Outcome { reason: Some(reason.into()), ..self }
    }
}

/// A session that has ended.
#[derive(Debug)]
pub struct Ended {
    pub end: End,
    pub exit: Exit,
    pub reason: Option<String>,
    /// Octets of plaintext, local to remote and remote to local.
    pub up: u64,
    pub down: u64,
    /// None if the dialogue could not be followed.
    pub account: Option<Account>,
}
