"""A receiver of webhooks that checks signatures by itself and writes what it got, a JSON line for each request.

Usage: webhook_receiver.py PORT FILE SECRET_FILE ANSWER…
ANSWER is a status, or STATUS:RETRY_AFTER; the last one is for all further requests.
"""

import hashlib
import hmac
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, file, secret_file, *answers = sys.argv[1:]


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(secret_file, "rb") as secret:
            key = secret.read()
        signed = self.headers["X-Central-Timestamp"].encode() + b"." + body
        expected = "sha256=" + hmac.new(key, signed, hashlib.sha256).hexdigest()
        status, _, retry_after = (answers.pop(0) if len(answers) > 1 else answers[0]).partition(":")
        request = {
            "path": self.path,
            "delivery": self.headers["X-Central-Delivery"],
            "timestamp": int(self.headers["X-Central-Timestamp"]),
            "genuine": hmac.compare_digest(expected, self.headers["X-Central-Signature"]),
            "answered": int(status),
            "body": json.loads(body),
        }
        with open(file, "a", encoding="utf-8") as out:
            out.write(json.dumps(request) + "\n")
        self.send_response(int(status))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        if status.startswith("3"):
            self.send_header("Location", "/elsewhere")
        answer = b"x" * 100_000
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        try:
            self.wfile.write(answer)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(port)), Receiver).serve_forever()
