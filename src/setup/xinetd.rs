//! xinetd: a file for a service, with words split at spaces, without quotes.

use crate::error::Error;

use super::quote::{bare, SIGNS};
use super::Fill;

pub fn text(fill: &Fill) -> Result<String, Error> {
    let program = bare(&[fill.program], "xinetd", SIGNS)?;
    let words = bare(&fill.of_superserver().words(), "xinetd", SIGNS)?;
    let (ip, port, reach) = (fill.listen.ip(), fill.listen.port(), fill.reach());
    let (user, why) = fill.user();
    let (proof, notes, login) = (fill.proof(), fill.comments(), fill.require_auth("\t# "));
    Ok(format!(
        r"# smtps-bridge under xinetd. Save this file as /etc/xinetd.d/smtps-bridge; then, as root: systemctl restart xinetd
# (without systemd, if xinetd runs already: kill -HUP $(pidof xinetd))
# {proof}
service smtps-bridge
{{
	# It is not in /etc/services, so no name has to be added there.
	type            = UNLISTED
	# {reach}
	bind            = {ip}
	port            = {port}
	socket_type     = stream
	protocol        = tcp
	# One process per connection.
	wait            = no
	# {user}: {why}.
	user            = {user}
{login}	server          = {program}
	server_args     = {words}
	# Do not ask tcpd's files: the bridge refuses strangers by itself and says why, while a client that libwrap
	# refuses gets no greeting at all.
	flags           = NOLIBWRAP
	# At most so many sessions at once, about ten times what an MTA on this machine opens; the next one is closed
	# without a greeting, and the MTA tries again later.
	instances       = 100
	# No limit of its own for one client: a mail program's connections all come from one address.
	per_source      = UNLIMITED
	# xinetd closes the port for 10 seconds after 500 starts in one second. A queue flushed at once can reach its
	# default, 50; 500 still ends a loop.
	cps             = 500 10
	# The bridge writes one line per session itself; xinetd only says whom it turned away.
	log_type        = SYSLOG mail info
	log_on_success  =
	log_on_failure  = HOST
	disable         = no
}}
{notes}"
    ))
}
