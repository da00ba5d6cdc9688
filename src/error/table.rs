//! Of each cause its stage, its exit code, its enhanced status code, and how far it came.

use super::{Error, Stage};
use crate::exit::Exit;
use crate::smtp::Fault;
use crate::text::escape;

impl Error {
    /// Of several failures the one that came furthest tells most; of connects, a refusal more than silence.
    pub fn distance(&self) -> (Stage, u8) {
        match self {
            Error::NoRoute { .. } => (Stage::Connect, 0),
            Error::Unreachable { .. } => (Stage::Connect, 1),
            Error::ConnectTimeout { .. } => (Stage::Connect, 2),
            Error::Refused { .. } | Error::RefusedBoth => (Stage::Connect, 3),
            other => (other.stage(), 0),
        }
    }

    pub fn stage(&self) -> Stage {
        match self {
            Error::Usage(_)
            | Error::HostIsAFile(_)
            | Error::Unusable { .. }
            | Error::Descriptor(_)
            | Error::Stranger { .. }
            | Error::Rights(_) => Stage::Arguments,
            Error::NoSuchName { .. }
            | Error::NoAddress { .. }
            | Error::ResolverFailed { .. }
            | Error::ResolverSilent { .. } => Stage::Resolve,
            Error::Refused { .. }
            | Error::RefusedBoth
            | Error::Unreachable { .. }
            | Error::NoRoute { .. }
            | Error::ConnectTimeout { .. } => Stage::Connect,
            Error::Closed { stage, .. }
            | Error::Reset { stage, .. }
            | Error::OutOf { stage, .. }
            | Error::Terminated { stage }
            | Error::Silent { stage, .. }
            | Error::Alert { stage, .. }
            | Error::OurCertificate { stage, .. }
            | Error::Turned { stage, .. }
            | Error::NotSmtp { stage, .. }
            | Error::Protocol { stage, .. } => *stage,
            Error::Expired { .. }
            | Error::NotYetValid { .. }
            | Error::WrongName { .. }
            | Error::UnknownIssuer { .. }
            | Error::CaAsServer { .. }
            | Error::PinMismatch { .. }
            | Error::VersionOne
            | Error::WeakKey { .. }
            | Error::BadCertificate { .. }
            | Error::PlainSmtp { .. }
            | Error::NotTls { .. }
            | Error::OldTls
            | Error::NothingInCommon { .. } => Stage::Handshake,
        }
    }

    /// What came is no reply.
    pub fn not_smtp(stage: Stage, fault: Fault, last: &[u8]) -> Error {
        let line = match fault {
            Fault::NoReply => escape(last, 60),
            Fault::Unlike => "the lines of one reply have different codes".to_owned(),
            Fault::TooLong => "a reply without an end".to_owned(),
        };
        Error::NotSmtp { stage, line }
    }

    pub fn exit(&self) -> Exit {
        self.row().0
    }

    /// The enhanced status code (RFC 3463) behind the 421.
    pub fn status(&self) -> &'static str {
        self.row().1
    }

    /// The table of the manual's EXIT STATUS and of design section 6.
    fn row(&self) -> (Exit, &'static str) {
        match self {
            Error::Usage(_) | Error::HostIsAFile(_) => (Exit::Usage, "4.3.5"),
            Error::Unusable { .. } | Error::Descriptor(_) => (Exit::Config, "4.3.5"),
            Error::Stranger { .. } => (Exit::NoPermission, "4.7.0"),
            Error::OutOf { .. } | Error::Rights(_) => (Exit::OsError, "4.3.0"),
            Error::Terminated { .. } => (Exit::TempFail, "4.3.2"),
            Error::ResolverFailed { .. } | Error::ResolverSilent { .. } => (Exit::TempFail, "4.4.3"),
            Error::NoSuchName { .. } | Error::NoAddress { .. } => (Exit::TempFail, "4.4.4"),
            Error::Refused { .. }
            | Error::RefusedBoth
            | Error::Unreachable { .. }
            | Error::NoRoute { .. }
            | Error::ConnectTimeout { .. } => (Exit::TempFail, "4.4.1"),
            Error::Closed { .. } | Error::Reset { .. } | Error::Silent { .. } => (Exit::TempFail, "4.4.2"),
            Error::Turned { .. } => (Exit::TempFail, "4.3.2"),
            Error::Expired { .. }
            | Error::NotYetValid { .. }
            | Error::WrongName { .. }
            | Error::UnknownIssuer { .. }
            | Error::CaAsServer { .. }
            | Error::PinMismatch { .. }
            | Error::VersionOne
            | Error::WeakKey { .. }
            | Error::BadCertificate { .. } => (Exit::Unavailable, "4.7.5"),
            Error::PlainSmtp { .. }
            | Error::NotTls { .. }
            | Error::NotSmtp { .. }
            | Error::OldTls
            | Error::NothingInCommon { .. }
            | Error::Alert { .. }
            | Error::OurCertificate { .. }
            | Error::Protocol { .. } => (Exit::Protocol, "4.7.5"),
        }
    }
}
