#!/usr/bin/python3
"""A web service that takes what it is sent and writes it down.

Prints its port and serves until its standard input ends. Every request becomes a line of JSON in the
file requests: method, path, headers (names in lower case), body. The answer is 200 "ok", or, while
there is a file answers, the statuses in it, one a line, each used once. Behind a status can stand
headers (Retry-After=30, in quotes where it has blanks), and wait=2 for an answer that takes two seconds.
"""
import json
import os
import shlex
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

lock = threading.Lock()


def next_answer():
    """Status and headers."""
    if not os.path.exists("answers"):
        return 200, {}
    with open("answers") as file:
        lines = file.read().splitlines()
    if not lines:
        return 200, {}
    with open("answers", "w") as file:
        file.write("\n".join(lines[1:]))
    status, *words = shlex.split(lines[0])
    return int(status), dict(word.split("=", 1) for word in words)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        with lock:
            status, answer_headers = next_answer()
            with open("requests", "a") as file:
                file.write(json.dumps({"method": self.command, "path": self.path, "body": body,
                                       "headers": headers, "status": status}) + "\n")
        time.sleep(float(answer_headers.pop("wait", 0)))
        answer = b"ok" if status == 200 else b"no_service"
        self.send_response(status)
        for name, value in answer_headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = handle_any


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
