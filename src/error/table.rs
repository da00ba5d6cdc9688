//! One row per cause: its stage, exit code, enhanced status code, and how far it came.

use super::{Clear, Error, Stage, Trouble};
use crate::exit::Exit;
use crate::smtp::Fault;
use crate::text::escape;

/// The table of the manual's EXIT STATUS and of design section 6, with the stage.
struct Row {
    stage: Stage,
    exit: Exit,
    /// The enhanced status code (RFC 3463) behind the 421.
    status: &'static str,
    /// Of several failed connects, the one that tells most: a refusal tells more than silence.
    rank: u8,
}

const fn row(stage: Stage, exit: Exit, status: &'static str) -> Row {
    Row { stage, exit, status, rank: 0 }
}

/// At the connect stage all have one reply and one code.
const fn connect(rank: u8) -> Row {
    Row { rank, ..row(Stage::Connect, Exit::TempFail, "4.4.1") }
}

impl Error {
    fn row(&self) -> Row {
        match self {
            Error::Usage(_) => row(Stage::Arguments, Exit::Usage, "4.3.5"),
            Error::Unusable { .. } | Error::Descriptor(_) => row(Stage::Arguments, Exit::Config, "4.3.5"),
            Error::Stranger { .. } => row(Stage::Arguments, Exit::NoPermission, "4.7.0"),
            Error::Rights(_) => row(Stage::Arguments, Exit::OsError, "4.3.0"),
            Error::OutOf { stage, .. } => row(*stage, Exit::OsError, "4.3.0"),
            Error::Terminated { stage } => row(*stage, Exit::TempFail, "4.3.2"),

            Error::NoSuchName | Error::NoAddress { .. } | Error::Blocked => {
                row(Stage::Resolve, Exit::TempFail, "4.4.4")
            }
            Error::ResolverFailed { .. } | Error::ResolverSilent { .. } => row(Stage::Resolve, Exit::TempFail, "4.4.3"),

            Error::NoRoute { .. } | Error::NoInterface { .. } => connect(0),
            Error::Unreachable { .. } => connect(1),
            Error::ConnectTimeout { .. } => connect(2),
            Error::Refused { .. } => connect(3),

            Error::InClear(cause) => {
                let (exit, status) = cause.row();
                row(Stage::StartTls, exit, status)
            }
            // After the greeting, where only the report still waits: the exit code of a session that ends so.
            Error::Closed { stage: Stage::Relay, .. } => row(Stage::Relay, Exit::Protocol, "4.4.2"),
            Error::Reset { stage: Stage::Relay, .. } | Error::Silent { stage: Stage::Relay, .. } => {
                row(Stage::Relay, Exit::IoError, "4.4.2")
            }
            Error::Closed { stage, .. } | Error::Reset { stage, .. } | Error::Silent { stage, .. } => {
                row(*stage, Exit::TempFail, "4.4.2")
            }
            Error::Turned { stage, .. } => row(*stage, Exit::TempFail, "4.3.2"),
            Error::NotSmtp { stage, .. } => row(*stage, Exit::Protocol, "4.7.5"),

            Error::Certificate { .. } => row(Stage::Handshake, Exit::Unavailable, "4.7.5"),
            Error::Tls { stage, trouble, .. } => match trouble {
                Trouble::ClosedOnHello | Trouble::ResetOnHello | Trouble::SilentOnHello { .. } => {
                    row(*stage, Exit::TempFail, "4.4.2")
                }
                Trouble::Clear { what: Clear::TurnedAway { .. }, .. } => row(*stage, Exit::TempFail, "4.3.2"),
                Trouble::Clear { .. }
                | Trouble::OldTls
                | Trouble::NothingInCommon { .. }
                | Trouble::UnknownName { .. }
                | Trouble::OurCertificate { .. }
                | Trouble::Alert { .. }
                | Trouble::TooLarge
                | Trouble::BreaksRules { .. }
                | Trouble::Broken { .. } => row(*stage, Exit::Protocol, "4.7.5"),
            },
        }
    }

    pub fn stage(&self) -> Stage {
        self.row().stage
    }

    pub fn exit(&self) -> Exit {
        self.row().exit
    }

    /// The enhanced status code (RFC 3463) behind the 421.
    pub fn status(&self) -> &'static str {
        self.row().status
    }

    /// Of several failures, the one that came furthest tells most.
    pub fn distance(&self) -> (Stage, u8) {
        let Row { stage, rank, .. } = self.row();
        (stage, rank)
    }

    /// What came is not a reply.
    pub fn not_smtp(stage: Stage, fault: Fault, last: &[u8]) -> Error {
        let line = match fault {
            Fault::NoReply => escape(last),
            Fault::Unlike => escape(b"the lines of one reply have different codes"),
            Fault::TooLong => escape(b"a reply without an end"),
        };
        Error::NotSmtp { stage, line }
    }
}
