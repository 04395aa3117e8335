"""Without its extra a bridge says in one line what to install; a package that is broken inside speaks for itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent_memory.bridges.extras import MissingExtra, extra

BRIDGES = [("mcp.server", "mcp", "mcp"), ("memory_tool", "anthropic", "memory-tool"),
           ("langgraph", "langgraph", "langgraph")]  # fmt: skip


@pytest.mark.parametrize(("bridge", "package", "name"), BRIDGES, ids=[name for _, _, name in BRIDGES])
def test_a_bridge_without_its_package_names_the_extra(bridge: str, package: str, name: str, tmp_path: Path):
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('No module', name={package!r})")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import agent_memory.bridges.{bridge}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    said = done.stderr.strip().splitlines()[-1]
    assert said.endswith(
        f"this needs the extra '{name}', which is not installed (pip install 'agent-memory-store[{name}]', or uv tool"
        " install where the command came from there)"
    )


def test_another_failure_is_not_taken_for_a_missing_extra():
    with pytest.raises(ModuleNotFoundError, match="deep inside"), extra("mcp", packages=("mcp",)):
        raise ModuleNotFoundError("deep inside", name="rpds")
    with pytest.raises(MissingExtra) as missing, extra("mcp", packages=("mcp",)):
        raise ModuleNotFoundError("gone", name="mcp.server")
    assert missing.value.exit_code == 1
