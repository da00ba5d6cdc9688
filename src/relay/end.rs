//! How a session ended: its word in the log and its exit code.

use crate::exit::Exit;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    CloseNotify,
    Eof,
    Truncated,
    LocalEof,
    ClientGone,
    Alert,
    BadRecord,
    Reset,
    Terminated,
    Idle,
}

impl End {
    /// `goodbye`: whether the server's last line was a complete 221 or 421.
    pub fn exit(self, goodbye: bool) -> Exit {
        match self {
            End::CloseNotify | End::Eof => Exit::Ok,
            End::ClientGone if goodbye => Exit::Ok,
            End::ClientGone | End::LocalEof | End::Reset | End::Idle => Exit::IoError,
            End::Truncated | End::Alert | End::BadRecord => Exit::Protocol,
            End::Terminated => Exit::TempFail,
        }
    }

    /// The word in the log.
    pub fn word(self) -> &'static str {
        match self {
            End::CloseNotify => "close_notify",
            End::Eof => "eof",
            End::Truncated => "truncated",
            End::LocalEof => "local_eof",
            End::ClientGone => "client_gone",
            End::Alert => "alert",
            End::BadRecord => "bad_record",
            End::Reset => "reset",
            End::Terminated => "terminated",
            End::Idle => "idle",
        }
    }
}

/// A session that has ended.
#[derive(Debug)]
pub struct Ended {
    pub end: End,
    pub exit: Exit,
    /// What the system or the server said about it, escaped.
    pub reason: Option<String>,
    /// Octets of plaintext, local to remote and remote to local.
    pub up: u64,
    pub down: u64,
}
