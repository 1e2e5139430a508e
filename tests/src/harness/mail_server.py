"""An SMTP server that writes what it takes, a JSON line for each mail, before it says 250.

Usage: mail_server.py PORT FILE DELAY_MS [CERTIFICATE KEY USER PASSWORD]
With a certificate it insists on STARTTLS, then on the login.
"""

import asyncio
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    def __init__(self, file, delay_s):
        self.file, self.delay_s = file, delay_s

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("unknown@"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        with open(self.file, "a", encoding="utf-8") as out:
            mail = {
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "tls": session.ssl is not None,
                "text": envelope.content.decode("utf-8", "replace"),
            }
            out.write(json.dumps(mail) + "\n")
            out.flush()
            os.fsync(out.fileno())
        await asyncio.sleep(self.delay_s)
        return "250 taken"


async def main():
    port, file, delay_ms, *secure = sys.argv[1:]
    options = {}
    if secure:
        certificate, key, user, password = secure
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        def login(server, session, envelope, mechanism, data):
            fits = data.login == user.encode() and data.password == password.encode()
            return AuthResult(success=fits, handled=False)

        options = {
            "tls_context": context,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": login,
        }
    keeper = Keeper(file, int(delay_ms) / 1000)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(keeper, hostname="mail.test", enable_SMTPUTF8=True, **options), "127.0.0.1", int(port)
    )
    await server.serve_forever()


asyncio.run(main())
