//! Haraka, on Node, with a listener on implicit TLS.

use crate::support::namespace::without_tool;

use super::Server;

const SMTP_INI: &str = "listen=127.0.0.1:465
smtps_port=465
";

/// It takes mail from anyone, though on this port it would want AUTH, and hands it to the sink.
pub fn haraka() -> Option<Server> {
    if without_tool("node") {
        return None;
    }
    let server = Server::boot(&["haraka"])?;
    // Its own defaults lie next to ours; without the file it would first make its own parameters, for half a minute.
    let script = "cd /etc/haraka/config
        cp -n /usr/lib/node_modules/Haraka/config/connection.ini .
        openssl dhparam -dsaparam -out dhparams.pem 2048 2> /dev/null
        printf 'tls\nanybody\nqueue/smtp_forward\n' > plugins
        printf 'key=/etc/smarthost-key.pem\ncert=/etc/smarthost-cert.pem\n' > tls.ini
        printf 'host=127.0.0.1\nport=10025\nenable_outbound=true\n' > smtp_forward.ini
        mkdir ../plugins
        cat > ../plugins/anybody.js << 'END'
exports.hook_connect = (next, connection) => { connection.relaying = true; next(); };
exports.hook_rcpt = (next) => next(OK);
END
        echo smtp.example.com > me
        node /usr/lib/node_modules/Haraka/bin/haraka -c /etc/haraka > /var/tmp/smarthost.log 2>&1 &";
    Some(server.start("/etc/haraka/config/smtp.ini", SMTP_INI, script))
}
