#!/usr/bin/python3
"""A proxy for HTTP that answers everything itself, and tunnels what asks for CONNECT.

Prints its port and serves until its standard input ends. What comes with an http:// address is
answered "by the proxy"; GET /control/requests gives what it was asked for, with the headers that it
could read: [{"line": "GET http://...", "headers": {...}}, ...].
"""
import json
import select
import socket

from strict import Server
from http.server import BaseHTTPRequestHandler
import sys
import threading

SEEN = []


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def note(self):
        SEEN.append({"line": f"{self.command} {self.path}",
                     "headers": {name.lower(): value for name, value in self.headers.items()}})

    def do_GET(self):
        if self.path == "/control/requests":
            return self.answer(json.dumps(SEEN).encode())
        self.note()
        return self.answer(b"by the proxy")

    def do_CONNECT(self):
        self.note()
        host, port = self.path.rsplit(":", 1)
        self.close_connection = True
        with socket.create_connection((host.strip("[]"), int(port))) as other:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: other, other: self.connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


server = Server(("127.0.0.1", 0), Proxy)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
