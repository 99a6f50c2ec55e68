#!/usr/bin/python3
"""A web server that behaves well or badly, as the path asks.

Prints its port and serves until its standard input ends. Every connection has a number, so that a
client can be seen to reuse one.

    /ok                     "ok"
    /echo                   the request as JSON: method, path, headers, body, connection
    /status/CODE            that status; ?retry_after=N adds the header
    /delay/MILLISECONDS     "ok", later
    /bytes/N                N bytes;  /gzip/N  the same compressed
    /drip                   a byte every 50 ms, without end
    /truncated              announces 1000 bytes, sends 100, hangs up
    /hangup                 hangs up without an answer
    /redirect/loop          to itself
    /redirect?to=URL        302 (or ?status=)
    /flaky/NAME/N           503 (or ?status=) the first N times, then "ok"
    /garbage                what is no HTTP
    /pages/N                {"page": 1} with a Link header to ?page=2, and so on to N
"""
import gzip
import json
import socket
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

connections = 0
seen = {}
lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        global connections
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with lock:
            connections += 1
            self.number = connections

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self):
        size = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(size)
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        parts = url.path.strip("/").split("/")
        getattr(self, "do_" + parts[0], self.unknown)(parts[1:], query)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any

    def unknown(self, *_):
        self.answer(404, b"no such page")

    def do_ok(self, *_):
        self.answer(200, b"ok", [("Content-Type", "text/plain")])

    def do_echo(self, *_):
        text = json.dumps({
            "method": self.command, "path": self.path, "connection": self.number,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.body.decode("utf-8", "replace"),
        })
        self.answer(200, text.encode(), [("Content-Type", "application/json"),
                                         ("X-Twice", "one"), ("X-Twice", "two")])

    def do_status(self, parts, query):
        headers = []
        if "retry_after" in query:
            headers.append(("Retry-After", query["retry_after"]))
        self.answer(int(parts[0]), b"status " + parts[0].encode(), headers)

    def do_delay(self, parts, _):
        time.sleep(int(parts[0]) / 1000)
        self.do_ok()

    def do_bytes(self, parts, _):
        self.answer(200, b"x" * int(parts[0]))

    def do_gzip(self, parts, _):
        body = gzip.compress(b"x" * int(parts[0]))
        self.answer(200, body, [("Content-Encoding", "gzip")])

    def do_drip(self, *_):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b".")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            self.close_connection = True

    def do_truncated(self, *_):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 100)
        self.close_connection = True

    def do_hangup(self, *_):
        self.close_connection = True

    def do_garbage(self, *_):
        self.wfile.write(b"\x00\x01\x02 this is not what you think\r\n\r\n")
        self.close_connection = True

    def do_redirect(self, parts, query):
        target = self.path if parts == ["loop"] else query["to"]
        self.answer(int(query.get("status", 302)), b"elsewhere", [("Location", target)])

    def do_pages(self, parts, query):
        page = int(query.get("page", 1))
        headers = [("Content-Type", "application/json")]
        if page < int(parts[0]):
            address = f"http://127.0.0.1:{self.server.server_address[1]}/pages/{parts[0]}"
            headers.append(("Link", f'<{address}?page={page + 1}>; rel="next"'))
        self.answer(200, json.dumps({"page": page, "query": query}).encode(), headers)

    def do_flaky(self, parts, query):
        name, times = parts[0], int(parts[1])
        with lock:
            seen[name] = seen.get(name, 0) + 1
            failing = seen[name] <= times
        self.answer(int(query.get("status", 503)) if failing else 200,
                    b"not now" if failing else b"ok")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):  # a client that hangs up
        pass


def main():
    server = Server(("127.0.0.1", 0), Handler)
    if len(sys.argv) > 1:  # certificate and key in one file
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


main()
