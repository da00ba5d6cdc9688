//! HAProxy, which ends TLS in front of a plain server, and says close_notify to the client when that server has died.

use crate::support::limit::until;
use crate::support::namespace::inside_for;
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::mail_programs::sendmail::{sendmail, SENDMAIL};
use crate::real::superservers::inetd;
use crate::real::{LIMIT, NAME};

use super::sink::Sink;
use super::{Server, PATIENCE, SINK};

/// Goal: every kind of mail arrives as it was sent.
#[test]
fn haproxy_takes_every_kind_of_mail() {
    inside_for(LIMIT, || {
        let Some(server) = haproxy(|| Sink::demanding_auth(SINK)) else { return };
        let taken = server.takes_every_kind_of_mail(&["8BITMIME", "SMTPUTF8", "PIPELINING"]);
        taken.logged(&["tls=TLSv1.3", "end=close_notify"]);
        tested(Role::Smarthost, "haproxy", "HAProxy, before a plain server", &version("haproxy"), &taken.kinds);
    });
}

/// Goal: its 535 passes unchanged.
#[test]
fn haproxy_refuses_a_wrong_password() {
    inside_for(LIMIT, || {
        let Some(server) = haproxy(|| Sink::demanding_auth(SINK)) else { return };
        server.refuses_a_wrong_password();
    });
}

/// Goal: the server behind HAProxy dies in the middle of a text: sendmail keeps the mail, and the next try delivers it,
/// once.
#[test]
fn haproxy_whose_server_dies_in_a_text_loses_no_mail() {
    inside_for(LIMIT, || keeps_the_mail(100_000));
}

/// Goal: the same if the server has the whole text and gives no reply.
#[test]
fn haproxy_whose_server_dies_behind_the_dot_loses_no_mail() {
    inside_for(LIMIT, || {
        keeps_the_mail(usize::MAX);
        let result = "its server dies in a text and behind the dot: a warning, and sendmail keeps the mail";
        tested(Role::Smarthost, "haproxy-ends", "HAProxy whose server dies", &version("haproxy"), result);
    });
}

/// More than all buffers on the way hold.
const TEXT: usize = 8_000_000;

/// The server dies behind this many octets of the first text.
fn keeps_the_mail(octets: usize) {
    let Some(provider) = haproxy(|| Sink::dying_in_the_first_text(SINK, octets)) else { return };
    let Some(home) = home(&provider) else { return };
    home.sh(&format!("head -c {TEXT} /dev/zero | tr '\\0' x | fold -w 70 > /var/tmp/text"));
    let said = home
        .run(&format!(
            "(printf 'Subject: hello\nX-Mail: large\n\n'; cat /var/tmp/text) |
             {SENDMAIL} -Am -v -odi -f alice@example.org bob@example.net"
        ))
        .text;
    let line = home.syslog.line(": closed ");
    // <20>: facility mail, severity warning.
    assert!(line.starts_with("<20>") && line.contains(" end=truncated"), "{line}\n{said}");
    let queue = home.sh(&format!("{SENDMAIL} -Am -bp"));
    let kept = queue.contains("read error from [127.0.0.1]") && queue.contains("bob@example.net");
    assert!(kept && (provider.inbox)().is_empty(), "{queue}");

    home.sh(&format!("{SENDMAIL} -qf"));
    provider.until("the mail has arrived", || !(provider.inbox)().is_empty());
    let queue = home.sh(&format!("{SENDMAIL} -Am -bp"));
    assert!(queue.contains("is empty"), "{queue}");
    let inbox = (provider.inbox)();
    let arrived: Vec<(&str, bool)> =
        inbox.iter().map(|message| (message.name.as_str(), message.data.len() > TEXT)).collect();
    assert_eq!(arrived, [("large", true)]);
    until(PATIENCE, "its session has a line", || {
        home.syslog.lines().iter().any(|line| line.starts_with("<22>") && line.contains(" end=close_notify mails=1"))
    });
}

/// sendmail and inetd, with the lines as they are printed.
fn home(provider: &Server) -> Option<Machine> {
    let home = sendmail(|machine| machine.sh(&format!("smtps-bridge --print-config sendmail-port {NAME}")))?;
    let ca = provider.house.dir.path("ca.pem");
    inetd::start(
        &home,
        &home.sh(&format!("smtps-bridge --print-config inetd-debian --ca-file {} {NAME}", ca.display())),
    );
    Some(home)
}

const CONF: &str = "global
  log /dev/log mail
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend smtps
  bind 127.0.0.1:465 ssl crt /etc/haproxy/smarthost.pem
  default_backend plain
backend plain
  server one 127.0.0.1:10025
";

fn haproxy(sink: impl FnOnce() -> Sink) -> Option<Server> {
    let server = Server::boot_before(sink, &["haproxy"])?;
    let script = "cat /etc/smarthost-cert.pem /etc/smarthost-key.pem > /etc/haproxy/smarthost.pem
        haproxy -D -f /etc/haproxy/smarthost.cfg";
    Some(server.start("/etc/haproxy/smarthost.cfg", CONF, script))
}
