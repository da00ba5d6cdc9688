//! launchd: a property list, which is XML with one element for each word.

use crate::error::Error;

use super::quote::quoted;
use super::Fill;

fn xml(word: &str) -> String {
    word.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A comment of XML holds no two hyphens in a row. The second pass is for the third of three.
fn hyphens_apart(text: &str) -> String {
    text.replace("--", "- -").replace("--", "- -")
}

pub fn text(fill: &Fill) -> Result<String, Error> {
    let mut command = String::new();
    for word in [&[fill.program][..], &fill.of_superserver().words()].concat() {
        command.push_str(&format!("\t\t<string>{}</string>\n", quoted(word, xml)?));
    }
    let (ip, port, reach) = (fill.listen.ip(), fill.listen.port(), fill.reach());
    let family = if ip.is_ipv6() { "IPv6" } else { "IPv4" };
    let (user, why) = fill.user();
    let proof = fill.proof();
    let login = fill.require_auth("     ").trim().to_owned();
    let login = if login.is_empty() { login } else { format!("\n\t<!-- {} -->", hyphens_apart(&login)) };
    let notes: String = fill.notes.iter().map(|note| format!("<!-- {} -->\n", hyphens_apart(note))).collect();
    Ok(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- smtps-bridge under launchd (macOS). Save this file as /Library/LaunchDaemons/smtps-bridge.plist, owned by root;
     then, as root: launchctl bootstrap system /Library/LaunchDaemons/smtps-bridge.plist
     {proof} -->
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>smtps-bridge</string>
	<key>ProgramArguments</key>
	<array>
{command}	</array>{login}
	<!-- One process per connection, and at most 20 at once, about ten times what a mail program opens. -->
	<key>inetdCompatibility</key>
	<dict>
		<key>Wait</key>
		<false/>
		<key>Instances</key>
		<integer>20</integer>
	</dict>
	<key>Sockets</key>
	<dict>
		<key>Listeners</key>
		<dict>
			<!-- {reach} -->
			<key>SockNodeName</key>
			<string>{ip}</string>
			<key>SockServiceName</key>
			<string>{port}</string>
			<key>SockType</key>
			<string>stream</string>
			<key>SockFamily</key>
			<string>{family}</string>
		</dict>
	</dict>
	<!-- {user}: {why}. -->
	<key>UserName</key>
	<string>{user}</string>
</dict>
</plist>
{notes}"#
    ))
}
