"""A server on this machine that stands in for the API of a model."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Request = dict[str, Any]


@contextmanager
def serving(answer: Callable[[str, Request], tuple[bytes, str]]) -> Iterator[str]:
    """Serve on a free port and yield the address.

    Args:
        answer: Returns what is said to a path and an object that was posted, and its media type.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def reply(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self.reply(b'{"data": [], "models": []}', "application/json")

        do_HEAD = do_GET  # noqa: N815

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("content-length", 0)))
            self.reply(*answer(self.path, json.loads(data or b"{}")))

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def events(*told: dict[str, Any]) -> tuple[bytes, str]:
    """Server-sent events and their media type."""
    stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in told)
    return stream.encode(), "text/event-stream"
