//! What a search tells, while it happens, to whoever looks on.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::error::Error;
use crate::smtp::Reply;
use crate::tls::Agreed;
use crate::trust::Chain;

/// Who sees what happens: the report. A session does without.
pub trait Onlooker {
    fn begins(&mut self, _step: Step) {}

    /// What was begun last.
    fn ends(&mut self, _how: Result<Done, &Error>) {}

    /// What an address has told, whether it gives a session or not.
    fn told(&mut self, _addr: SocketAddr, _told: Told) {}

    /// An address that gave no session, where another one did or came further.
    fn passed(&mut self, _addr: SocketAddr, _error: Error) {}
}

pub enum Step<'a> {
    Resolve,
    Connect(&'a VecDeque<SocketAddr>),
    StartTls,
    Handshake,
    Greeting,
}

pub enum Done {
    Resolved(usize),
    Connected(SocketAddr),
    Other,
}

/// What is known of a server that was connected to.
#[derive(Default)]
pub struct Told {
    /// Replies before TLS: to our connect, to EHLO and to STARTTLS.
    pub clear: Vec<Reply>,
    pub agreed: Option<Agreed>,
    pub chain: Arc<Chain>,
    /// Its greeting over TLS, a refusal too.
    pub greeting: Option<Reply>,
}

/// In a session nobody looks on.
pub struct Nobody;

impl Onlooker for Nobody {}
