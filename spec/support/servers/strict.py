"""What the servers of APIs have in common: JSON over HTTP/1.1, faults as asked, a record of requests.

A server is a subclass of Handler with `api(parts, query)`, which gives (status, value, headers) or
raises Refused. Everything under /control is for specs: POST /control sets STATE, GET /control/requests
gives what was asked for, GET /control/state what is set; a server may have a `control(parts)` of its
own.
"""
import json
import random
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STATE = {"fail": 0, "drop": 0, "truncate": 0, "html": 0, "skew": 0, "seed": 1}
REQUESTS = []
LOCK = threading.RLock()
CHANCE = random.Random(1)


def clock():
    """The server's own, which need not be right."""
    return time.time() + STATE["skew"]


class Refused(Exception):
    def __init__(self, status, value, headers=()):
        super().__init__(str(value))
        self.status, self.value, self.headers = status, value, headers


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string(clock() if timestamp is None else timestamp)

    def send_text(self, status, text, kind, headers=(), cut=False):
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in headers:
            self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text[:len(text) // 2] if cut else text)
        self.close_connection = self.close_connection or cut

    def send_json(self, status, value, headers=(), cut=False):
        text = b"" if value is None else json.dumps(value).encode()
        kind = None if value is None else "application/json; charset=utf-8"
        self.send_text(status, text, kind, headers, cut)

    def chance(self, fault):
        return STATE[fault] > 0 and CHANCE.random() < STATE[fault]

    def handle_any(self):
        self.raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        parts = url.path.strip("/").split("/")
        self.silence = 0
        self.pause(parts)
        with LOCK:
            try:
                if parts[0] == "control":
                    self.send_json(200, self.control(parts[1:]))
                else:
                    REQUESTS.append({"path": url.path, "query": query, "method": self.command,
                                     "at": time.time()})
                    self.answer(parts, query)
            except Refused as refused:
                self.send_json(refused.status, refused.value, refused.headers)
        time.sleep(self.silence)  # of one that was not answered, while others are

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_any

    def pause(self, parts):
        """Before each answer, while others are given."""

    def answer(self, parts, query):
        if self.chance("drop"):
            self.close_connection = True
            return None
        if self.chance("fail"):
            return self.send_json(CHANCE.choice([500, 502, 503]), {"message": "as asked"})
        if self.chance("html"):
            return self.send_text(200, b"<html>hello</html>", "text/html")
        status, value, headers = self.api(parts, query)
        return self.send_json(status, value, headers, self.chance("truncate"))

    def control(self, parts):
        if self.command == "POST":
            STATE.update(json.loads(self.raw))
        return REQUESTS if parts == ["requests"] else STATE


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):  # a client that hangs up
        pass


def serve(handler):
    server = Server(("127.0.0.1", 0), handler)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
