#!/usr/bin/python3
"""A mail server (aiosmtpd) that writes down what it is given.

    mail.py [tls CERTIFICATE KEY] [auth USER PASSWORD] [answer "451 later"] [refuse ADDRESS]

Prints its port and serves until its standard input ends. Every mail becomes a line of JSON in the
file mails: from, to, data (as text), tls, user.
"""
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

options = {}
words = sys.argv[1:]
while words:
    count = {"tls": 2, "auth": 2, "answer": 1, "refuse": 1}[words[0]]
    options[words[0]] = words[1:1 + count]
    words = words[1 + count:]


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if [address] == options.get("refuse"):
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server, session, envelope):
        if "answer" in options:
            return options["answer"][0]
        with open("mails", "a") as file:
            file.write(json.dumps({
                "from": envelope.mail_from, "to": envelope.rcpt_tos,
                "data": envelope.content.decode(), "tls": session.ssl is not None,
                "user": (session.auth_data or b"").decode(),
            }) + "\n")
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    user, password = options["auth"]
    good = data.login == user.encode() and data.password == password.encode()
    return AuthResult(success=good, handled=good, auth_data=data.login)


def session():
    settings = {"hostname": "mail.test"}
    if "tls" in options:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*options["tls"])
        settings.update(tls_context=context, require_starttls=True)
    if "auth" in options:
        settings.update(authenticator=authenticate, auth_required=True,
                        auth_require_tls="tls" in options)
    return SMTP(Handler(), **settings)


async def serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(serve())
