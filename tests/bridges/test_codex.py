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


def call(request: Request, tool: str, words: dict[str, str]) -> dict[str, Any]:
    """A call of a tool, which Codex knows by its group and its name."""
    (group,) = (each["name"] for each in request["tools"] if f'"{tool}"' in json.dumps(each))
    return {"type": "function_call", "id": "f", "call_id": "c", "name": tool, "namespace": group,
            "arguments": json.dumps(words), "status": "completed"}  # fmt: skip


def item(request: Request) -> dict[str, Any]:
    """An agent is started or our server is asked where that is wanted; everything else is answered with "done"."""
    said = json.dumps(request["input"])
    if "function_call_output" not in said and "NEW_TASK" not in said:
        if asked := re.search(r'START ([\w-]+): ([^"\\]+)', said):
            return call(request, "spawn_agent", {"message": asked[2], "task_name": "fix", "agent_type": asked[1]})
        if asked := re.search(r'ASK ([\w-]+): ([^"\\]+)', said):
            return call(request, "memory_first_step", {"agent": asked[1], "task": asked[2]})
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
        elif "START" in said and "function_call_output" in said:
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


def run(project: Project, shell: str, prompt: str) -> list[str]:
    """Run shell commands in which `codex` gets a prompt; return what the model was sent, as JSON."""
    home = project.home / ".codex"
    home.mkdir()
    # Approving hooks takes a person in a terminal; the option stands for the person.
    more = f'exec --dangerously-bypass-hook-trust --skip-git-repo-check "{prompt}"'
    put_on_path(project, "codex", f'exec "{CODEX}" "$@" {more}')
    with serving() as (address, inputs):
        (home / "config.toml").write_text(CONFIG.format(address=address, project=project.folder))
        environ = {**project.environ, "CODEX_HOME": str(home), "STAND_IN_KEY": "none"}
        done = in_shell(project, shell, environ=environ)
    assert done.returncode == 0, done.stderr
    return inputs


def test_as_the_readme_says_a_started_agent_has_the_memory_that_matters(project: Project):
    card = project.folder / ".codex" / "agents" / "worker-engineer.toml"
    card.parent.mkdir(parents=True)
    card.write_text(CARD)
    inputs = run(project, block("Codex", "sh"), f"START worker-engineer: {TASK}")
    told = [text for text in inputs if "NEW_TASK" in text]
    assert told
    assert "fourteen times within a day" in told[0]
    assert "memory add --agent worker-engineer" in told[0]
    assert not [text for text in inputs if "NEW_TASK" not in text and "fourteen" in text]


def test_the_server_that_install_registers_answers_with_the_memory_that_matters(project: Project):
    shell = """
        memory install codex --mcp --yes
        echo 'required = true' >> .codex/config.toml  # as docs/bridges.md says, or a slow machine has no tools at first
        codex
    """
    inputs = run(project, shell, f"ASK worker-engineer: {TASK}")
    (answer,) = (each["output"] for each in json.loads(inputs[-1]) if each["type"] == "function_call_output")
    assert "fourteen times within a day" in answer
    assert "minor units" not in answer
