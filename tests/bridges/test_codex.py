"""The real Codex, a stand-in for the model's API, and what an agent that it starts is really told."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.bridges import loopback
from tests.bridges.conftest import TASK, Project
from tests.bridges.loopback import Request
from tests.bridges.readme import block
from tests.bridges.runners import CODEX, in_shell, needs_codex, put_on_path

pytestmark = needs_codex

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


def test_as_the_readme_says_a_started_agent_has_the_memory_that_matters(project: Project):
    card = project.folder / ".codex" / "agents" / "worker-engineer.toml"
    card.parent.mkdir(parents=True)
    card.write_text(CARD)
    home = project.home / ".codex"
    home.mkdir()
    prompt = f"START worker-engineer: {TASK}"
    # Approving hooks takes a person in a terminal; the option stands for the person.
    put_on_path(
        project, "codex",
        f'exec "{CODEX}" "$@" exec --dangerously-bypass-hook-trust --skip-git-repo-check "{prompt}"',
    )  # fmt: skip
    with serving() as (address, inputs):
        (home / "config.toml").write_text(CONFIG.format(address=address, project=project.folder))
        environ = {**project.environ, "CODEX_HOME": str(home), "STAND_IN_KEY": "none"}
        done = in_shell(project, block("Codex", "sh"), environ=environ)
    assert done.returncode == 0, done.stderr
    told = [text for text in inputs if "NEW_TASK" in text]
    assert told, done.stderr
    assert "fourteen times within a day" in told[0]
    assert "memory add --agent worker-engineer" in told[0]
    assert not [text for text in inputs if "NEW_TASK" not in text and "fourteen" in text]
