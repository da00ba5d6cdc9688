//! What a search reports, while it happens, to an onlooker.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::error::Error;
use crate::smtp::Reply;
use crate::tls::Agreed;
use crate::trust::Chain;

/// The report sees what happens. A session has no onlooker.
pub trait Onlooker {
    fn begins(&mut self, _step: Step) {}

    /// The step that was begun last.
    fn ends(&mut self, _how: Result<Done, &Error>) {}

    /// What was learned about an address, whether it gives a session or not.
    fn told(&mut self, _addr: SocketAddr, _told: Told) {}

    /// An address that gave no session, while another one did or came further.
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

/// A session has no onlooker.
pub struct Nobody;

impl Onlooker for Nobody {}
