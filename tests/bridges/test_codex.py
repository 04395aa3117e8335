"""The real Codex, a stand-in for the model's API, and what an agent that it starts is really told.

The program is found on PATH or as `CODEX` names it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.bridges import loopback
from tests.bridges.conftest import TASK, Project
from tests.bridges.loopback import Request

CODEX = os.environ.get("CODEX") or shutil.which("codex")
pytestmark = pytest.mark.skipif(CODEX is None, reason="NOT PROVED HERE: Codex is not installed (CODEX=/path/to/codex)")

CARD = (
    'name = "worker-engineer"\ndescription = "Looks after the workers"\ndeveloper_instructions = "Look after them."\n'
)
CONFIG = """\
model = "none"
model_provider = "stand-in"
[model_providers.stand-in]
name = "stand-in"
base_url = "{address}"
env_key = "STAND_IN_KEY"
wire_api = "responses"
[projects."{project}"]
trust_level = "trusted"
"""


def item(request: Request) -> dict[str, Any]:
    """One agent is started where that is asked for; everything else is answered with "done"."""
    said = json.dumps(request["input"])
    asked = re.search(r'START ([\w-]+): ([^"\\]+)', said)
    group = next((tool for tool in request.get("tools", []) if "spawn_agent" in json.dumps(tool)), None)
    if asked and group and "function_call_output" not in said:
        given = {"message": asked[2], "task_name": "fix", "agent_type": asked[1]}
        return {"type": "function_call", "id": "f", "call_id": "c", "name": "spawn_agent", "namespace": group["name"],
                "arguments": json.dumps(given), "status": "completed"}  # fmt: skip
    text = {"type": "output_text", "text": "done", "annotations": []}
    return {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [text]}


@contextmanager
def serving() -> Iterator[tuple[str, list[str]]]:
    """Serve on a free port; yield the address and the input of each request as JSON."""
    inputs: list[str] = []
    briefed = threading.Event()

    def told(_: str, request: Request) -> tuple[bytes, str]:
        inputs.append(said := json.dumps(request["input"]))
        if "NEW_TASK" in said:
            briefed.set()
        elif "function_call_output" in said:
            briefed.wait(30)  # Codex ends with the first agent, so that one waits for the second
        usage = dict.fromkeys(("input_tokens", "output_tokens", "total_tokens"), 1)
        return loopback.events(
            {"type": "response.created", "response": {"id": "r"}},
            {"type": "response.output_item.done", "output_index": 0, "item": item(request)},
            {"type": "response.completed", "response": {"id": "r", "usage": usage}},
        )

    with loopback.serving(told) as address:
        try:
            yield f"{address}/v1", inputs
        finally:
            briefed.set()


def test_a_started_agent_has_the_memory_that_matters_in_its_task(project: Project):
    assert project.memory("install", "codex", "--yes").returncode == 0
    card = project.folder / ".codex" / "agents" / "worker-engineer.toml"
    card.parent.mkdir()
    card.write_text(CARD)
    home = project.home / ".codex"
    home.mkdir()
    with serving() as (address, inputs):
        (home / "config.toml").write_text(CONFIG.format(address=address, project=project.folder))
        done = subprocess.run(
            [str(CODEX), "exec", "--enable", "multi_agent_v2", "--dangerously-bypass-hook-trust",
             "--skip-git-repo-check", f"START worker-engineer: {TASK}"],
            cwd=project.folder, env={**project.environ, "CODEX_HOME": str(home), "STAND_IN_KEY": "none"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [text for text in inputs if "NEW_TASK" in text]
    assert told, done.stderr
    assert "fourteen times within a day" in told[0]
    assert "memory add --agent worker-engineer" in told[0]
    assert not [text for text in inputs if "NEW_TASK" not in text and "fourteen" in text]
