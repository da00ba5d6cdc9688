//! Port 465 is refused or silent: what does the same host say on 587, in clear?

use std::net::{IpAddr, SocketAddr};

use super::dialogue::{Dialogue, Plain};
use super::screen::Screen;
use crate::deadline::{seconds, Deadline};
use crate::error::Error;
use crate::text::cut;
use crate::wait::Waiter;

/// Port of STARTTLS, `submission` (RFC 6409 section 3.1).
pub const SUBMISSION: u16 = 587;

/// It is an extra.
const LOOK_S: u64 = 10;

/// A server's greeting beside what we say of it.
const GREETING: usize = 100;

/// Whether nobody listens there.
///
/// # Errors
/// `Error::Terminated`: what is wrong with 587 is told and fails nobody.
pub fn look(address: IpAddr, deadline: Deadline, waiter: &Waiter, screen: &mut Screen) -> Result<bool, Error> {
    screen.begin_wrong("port 587");
    let mut greeting = None;
    let deadline = deadline.min(Deadline::after(seconds(LOOK_S)));
    let offers = offers_starttls(SocketAddr::new(address, SUBMISSION), deadline, waiter, &mut greeting);
    if let Some(greeting) = &greeting {
        screen.more(&format!("{};", cut(greeting, GREETING)));
    }
    match &offers {
        Ok(true) => screen.more("it offers STARTTLS: your MTA can use it, without this program"),
        Ok(false) => screen.more("it does not offer STARTTLS"),
        Err(error) => screen.more(&error.to_string()),
    }
    screen.end();
    match offers {
        Err(error @ Error::Terminated { .. }) => Err(error),
        other => Ok(matches!(other, Err(Error::Refused { .. }))),
    }
}

/// RFC 3207 section 2.
fn offers_starttls(
    addr: SocketAddr,
    deadline: Deadline,
    waiter: &Waiter,
    greeting: &mut Option<String>,
) -> Result<bool, Error> {
    let stream = super::connect(addr, deadline, waiter)?;
    let local = stream.local_addr().unwrap_or(addr);
    let seconds = deadline.seconds_left();
    let mut dialogue = Dialogue::new(Plain { stream, deadline, seconds, waiter });
    let said = dialogue.greeting(greeting).and_then(|()| dialogue.ehlo(local));
    if matches!(said, Ok(_) | Err(Error::Turned { .. })) {
        let _ = dialogue.quit();
    }
    Ok(said?.offers("STARTTLS"))
}
