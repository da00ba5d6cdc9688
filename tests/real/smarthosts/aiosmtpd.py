# A smarthost on implicit TLS that knows alice, and relays to 127.0.0.1:10025.
import asyncio
import smtplib
import ssl

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data == LoginPassword(b"alice", b"secret")
    # handled=False: the library says 535.
    return AuthResult(success=good, handled=False)


class Relay:
    async def handle_DATA(self, server, session, envelope):
        def relay():
            with smtplib.SMTP("127.0.0.1", 10025) as sink:
                sink.sendmail(envelope.mail_from, envelope.rcpt_tos, envelope.content, ["SMTPUTF8", "BODY=8BITMIME"])

        await asyncio.get_running_loop().run_in_executor(None, relay)
        return "250 2.0.0 Ok: relayed"


def smarthost():
    return SMTP(
        Relay(),
        hostname="smtp.example.com",
        data_size_limit=40_000_000,
        enable_SMTPUTF8=True,
        authenticator=authenticate,
        auth_required=True,
        # It means STARTTLS; here everything is TLS already.
        auth_require_tls=False,
    )


async def main():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain("/etc/smarthost-cert.pem", "/etc/smarthost-key.pem")
    server = await asyncio.get_running_loop().create_server(smarthost, "127.0.0.1", 465, ssl=tls)
    await server.serve_forever()


asyncio.run(main())
