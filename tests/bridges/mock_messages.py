"""A stand-in for the model's API on this machine, so that a real runner can be watched without a model or a key.

It notes every request and answers from what was said: `DELEGATE <agent>: <task>` starts an agent with that task,
`CALL <Tool> {json} END` calls a tool, anything else, and whatever follows a tool's result, is answered with "done".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.bridges import loopback
from tests.bridges.loopback import Request


def texts(request: Request) -> list[str]:
    """Everything that was said in a request, tool results among it."""
    found = []
    for message in request.get("messages", []):
        content = message["content"]
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if block.get("type") == "text":
                found.append(block["text"])
            elif block.get("type") == "tool_result":
                found.append(f"RESULT {json.dumps(block.get('content'))}")
    return found


def answer(request: Request) -> tuple[dict[str, Any], str]:
    """The one block of the answer, and why it ends."""
    said = texts(request)
    tools = {tool.get("name") for tool in request.get("tools") or []}
    if not any(text.startswith("RESULT ") for text in said):
        joined = "\n".join(said)
        if (found := re.search(r"DELEGATE ([\w-]+): (.+)", joined)) and "Agent" in tools:
            given = {"description": "delegated", "prompt": found[2], "subagent_type": found[1]}
            return {"type": "tool_use", "id": "toolu_1", "name": "Agent", "input": given}, "tool_use"
        if found := re.search(r"CALL ([\w-]+) (\{.*?\}) END", joined, re.DOTALL):
            return {"type": "tool_use", "id": "toolu_2", "name": found[1], "input": json.loads(found[2])}, "tool_use"
    return {"type": "text", "text": "done"}, "end_turn"


def message(content: list[dict[str, Any]], stop: str | None, model: str) -> dict[str, Any]:
    """An answer as one object."""
    usage = {"input_tokens": 10, "output_tokens": 5}
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content,
            "stop_reason": stop, "stop_sequence": None, "usage": usage}  # fmt: skip


def stream(block: dict[str, Any], stop: str, model: str) -> tuple[bytes, str]:
    """The answer as server-sent events."""
    key = "text" if block["type"] == "text" else "input"
    piece = {"type": "text_delta", "text": block["text"]} if key == "text" else {
        "type": "input_json_delta", "partial_json": json.dumps(block["input"])}  # fmt: skip
    return loopback.events(
        {"type": "message_start", "message": message([], None, model)},
        {"type": "content_block_start", "index": 0, "content_block": {**block, key: "" if key == "text" else {}}},
        {"type": "content_block_delta", "index": 0, "delta": piece},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    )


@contextmanager
def serving(answer: Callable[[Request], tuple[dict[str, Any], str]] = answer) -> Iterator[tuple[str, list[Request]]]:
    """Serve on a free port; yield the address and the requests, in the order in which they come."""
    requests: list[Request] = []

    def told(path: str, request: Request) -> tuple[bytes, str]:
        if "count_tokens" in path:
            return b'{"input_tokens": 10}', "application/json"
        requests.append(request)
        block, stop = answer(request)
        if request.get("stream"):
            return stream(block, stop, request.get("model", ""))
        return json.dumps(message([block], stop, request.get("model", ""))).encode(), "application/json"

    with loopback.serving(told) as address:
        yield address, requests
