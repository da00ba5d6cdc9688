//! The story that this program comes from, once more and whole, from the printed lines alone: a sendmail with an authinfo
//! map, inetd with tcpd under "ALL: ALL" denied, the bridge, and a provider that has port 465 and nothing else.

use crate::support::namespace::inside_for;

use super::mail_programs::sendmail::{sendmail, SENDMAIL};
use super::smarthosts::postfix::postfix;
use super::superservers::inetd::{commented, start};
use super::{LIMIT, NAME};

/// Goal: one message arrives at the provider's Postfix, from the account in the map.
#[test]
fn sendmail_inetd_tcpd_and_the_bridge_bring_a_message_to_postfix() {
    inside_for(LIMIT, || {
        let Some(provider) = postfix("") else { return };
        let Some(home) = sendmail(|machine| machine.sh(&format!("smtps-bridge --print-config sendmail-port {NAME}")))
        else {
            return;
        };
        let ca = provider.house.dir.path("ca.pem");
        let lines = home.sh(&format!("smtps-bridge --print-config inetd-debian --ca-file {} {NAME}", ca.display()));
        home.write("/etc/hosts.deny", "ALL: ALL\n");
        home.write("/etc/hosts.allow", &commented(&lines, "hosts.allow"));
        start(&home, &commented(&lines, "inetd.conf"));

        let said = home.sh(&format!(
            "printf 'Subject: hello\nX-Mail: story\n\nfrom a home server\n' |
             {SENDMAIL} -Am -v -odi -f alice@example.org bob@example.net"
        ));
        assert!(said.contains("235 2.7.0 Authentication successful") && said.contains("Sent ("), "{said}");
        provider.until("the message has arrived", || !(provider.inbox)().is_empty());
        let inbox = (provider.inbox)();
        assert_eq!((inbox[0].from.as_str(), inbox[0].name.as_str()), ("alice@example.org", "story"));
        assert!(inbox[0].data.ends_with(b"\r\nfrom a home server\r\n"), "{:?}", inbox[0].data);
        let line = home.syslog.line("closed ");
        assert!(
            line.contains(" host=smtp.example.com addr=127.0.0.1:465 ") && line.contains("end=close_notify"),
            "{line}"
        );
    });
}
