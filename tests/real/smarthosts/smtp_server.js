// A smarthost on implicit TLS that knows alice, and relays to 127.0.0.1:10025.
const fs = require("fs");
const { SMTPServer } = require("smtp-server");
const nodemailer = require("nodemailer");

const sink = nodemailer.createTransport({ host: "127.0.0.1", port: 10025, ignoreTLS: true });

new SMTPServer({
  name: "smtp.example.com",
  secure: true,
  cert: fs.readFileSync("/etc/smarthost-cert.pem"),
  key: fs.readFileSync("/etc/smarthost-key.pem"),
  size: 40000000,
  onAuth({ username, password }, session, done) {
    if (username === "alice" && password === "secret") return done(null, { user: username });
    done(null, { user: null });
  },
  onData(stream, session, done) {
    const chunks = [];
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("end", () => {
      const from = session.envelope.mailFrom.address;
      const to = session.envelope.rcptTo.map((recipient) => recipient.address);
      sink.sendMail({ envelope: { from, to }, raw: Buffer.concat(chunks) }, done);
    });
  },
}).listen(465, "127.0.0.1");
