// Sends MAILS mails, WORKERS at a time, each over a connection of its own, which it closes without QUIT: what a program
// does that calls sendMail() and has no pool. Prints how many were taken, and why the others were not.
//
//   node nodemailer.js PORT CA_FILE MAILS WORKERS       CA_FILE: implicit TLS to smtp.example.com; "-" for none
const fs = require("fs");
const nodemailer = require("nodemailer");

const [port, caFile, mails, workers] = process.argv.slice(2);
const tls = { ca: caFile === "-" ? undefined : fs.readFileSync(caFile), servername: "smtp.example.com" };
const auth = { user: "alice", pass: "secret" };
const transport = nodemailer.createTransport({ host: "127.0.0.1", port, secure: caFile !== "-", tls, auth });

let next = 0;
let taken = 0;
const refused = {};

async function worker() {
  while (next < mails) {
    const number = next++;
    try {
      await transport.sendMail({
        from: "alice@example.org",
        to: "bob@example.net",
        subject: "hello",
        headers: { "X-Mail": `${workers} at a time, ${number}` },
        text: "from a program in Node",
      });
      taken++;
    } catch (error) {
      refused[error.message] = (refused[error.message] || 0) + 1;
    }
  }
}

Promise.all(Array.from({ length: workers }, worker)).then(() => {
  console.log(`${taken} taken`);
  for (const [reason, count] of Object.entries(refused)) console.log(`${count} refused: ${reason}`);
});
