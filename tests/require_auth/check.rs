//! `--check` looks at what the option would do with this smarthost.

use crate::check::report;
use crate::support::bridge::House;
use crate::support::limit::{within, USUAL};
use crate::support::peer::Peer;

/// Goal: an administrator whose smarthost asks for no login must not learn from a full queue that nothing goes out.
#[test]
fn require_auth_is_warned_about_where_it_would_hold_all_mail() {
    within(USUAL, || {
        let house = House::new();
        let me = house.ca.client("laptop");
        let identity = [("cert.pem", &me.cert_pem), ("key.pem", &me.key_pem)];
        let [cert, key] =
            identity.map(|(name, pem)| house.dir.write(name, pem).into_os_string().into_string().unwrap());
        for (ehlo, options, warned) in [
            ("250-smarthost.test\r\n250 SIZE 1000\r\n", &["--require-auth"][..], true),
            ("250-smarthost.test\r\n250 SIZE 1000\r\n", &["--require-auth", "-q"], true),
            ("250-smarthost.test\r\n250 AUTHENTICATE\r\n", &["--require-auth"], true),
            ("250-smarthost.test\r\n250 SIZE 1000\r\n", &[], false),
            ("250-smarthost.test\r\n250 auth=login\r\n", &["--require-auth"], false),
            ("250-smarthost.test\r\n250 AUTH PLAIN\r\n", &["--require-auth", "--cert", &cert, "--key", &key], false),
        ] {
            let peer = Peer::start(&house.leaf, |mut link| {
                link.say("220 smarthost.test\r\n");
                link.line();
                link.say(ehlo);
                link.line();
                link.say("221 bye\r\n");
                link.close_notify();
                link.until_closed();
            });
            let report = report(house.bridge(peer.host()).args(options));
            peer.done();
            let warning =
                "warning it offers no AUTH, so that --require-auth would hold all mail: leave that option out if it \
                           knows this machine by its address or by --cert";
            assert_eq!((report.code, report.flat().contains(warning)), (0, warned), "{}", report.screen);
        }
    });
}
