#!/usr/bin/env python3
"""The door to this project for people; needs Python 3.11 or newer and nothing else.

The first call makes .venv and installs into it exactly what uv.lock names; later calls start at once.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever has an older Python should read a sentence, not a traceback
    sys.exit("dev.py: needs Python 3.11 or newer, this is %d.%d; try: python3.11 dev.py" % sys.version_info[:2])  # noqa: UP031

import argparse
import hashlib
import importlib.util
import json
import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple, NoReturn

UV = "uv==0.13.9"  # put into .venv by pip, so that nobody needs to have it
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN, EXE = (VENV / "Scripts", ".exe") if os.name == "nt" else (VENV / "bin", "")
PYTHON = BIN / f"python{EXE}"
STAMP = VENV / "dev.json"
HIJACKERS = (  # what an outer environment may set that would send an install or an import somewhere else
    *("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV"),
    *("UV_PROJECT_ENVIRONMENT", "UV_PROJECT", "UV_WORKING_DIR", "UV_PYTHON", "UV_FROZEN", "UV_NO_SYNC", "UV_OFFLINE"),
    *("MEMORY_ROOT", "CLAUDE_PROJECT_DIR", "MEMORY_SEMANTIC"),
)
ENV = {name: value for name, value in os.environ.items() if name not in HIJACKERS}


class Job(NamedTuple):
    """What one word does: its help, the dependency groups it needs, its commands."""

    help: str
    groups: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]


EXAMPLE = ("memory", "--root", "examples/osier/.claude/agents-memory")
QUESTION = "webhook signature"
TASK = (
    "A laboratory wants to verify our webhooks. Write them a page: "
    "header, algorithm, what is signed, clock tolerance, rotation of the secret."
)
DOCS = "docs or README or project or migrations_notes"  # names of files and tests
JOBS = {
    "demo": Job(
        "the main job on the bundled example: a search, and the briefing of a First Step",
        (),
        ((*EXAMPLE, "search", QUESTION), (*EXAMPLE, "first-step", "--agent", "api-engineer", "--task", TASK)),
    ),
    "test": Job("the tests; further words go to pytest", ("test",), (("python", "-m", "pytest"),)),
    "lint": Job(
        "the rules and the form of the code, and whether uv.lock fits pyproject.toml",
        ("lint",),
        (("ruff", "check"), ("ruff", "format", "--check"), ("uv", "lock", "--check")),
    ),
    "types": Job("mypy, strict", ("test", "lint"), (("mypy",),)),
    "docs": Job("links and examples in the documents", ("test",), (("python", "-m", "pytest", "-k", DOCS),)),
    "mcp1": Job(
        "the tests of the MCP server on the first major line of its SDK; fetches that",
        ("test",),
        (("uv", "run", "--no-sync", "--with", "mcp>=1.30,<2", "python", "-m", "pytest", "tests/bridges/test_mcp.py"),),
    ),
    "bench": Job("the benchmarks; further words go to them", ("test",), (("python", "-m", "benchmarks"),)),
}
CHECK = ("test", "lint", "types", "docs")


def fail(message: str) -> NoReturn:
    """End with one line."""
    sys.exit(f"dev.py: {message}")


def quietly(*command: str | Path, otherwise: str) -> None:
    """Run a step of the set-up in silence; if it fails, show the end of what it said and the next step."""
    done = subprocess.run(command, cwd=ROOT, env=ENV, capture_output=True, text=True, check=False)
    if done.returncode:
        print(*(done.stderr or done.stdout).strip().splitlines()[-3:], sep="\n", file=sys.stderr)
        fail(otherwise)


def make_venv() -> None:
    """Make .venv with the running Python and put the pinned uv into it."""
    if not importlib.util.find_spec("ensurepip"):
        package = "python%d.%d-venv" % sys.version_info[:2]  # noqa: UP031
        fail(f"this Python cannot make environments; on Debian or Ubuntu: sudo apt install {package}")
    quietly(sys.executable, "-m", "venv", "--clear", VENV, otherwise=f"could not make {VENV}")
    pip = (PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--retries=2", UV)
    quietly(*pip, otherwise=f"could not fetch {UV}: the first call needs the network, or a mirror in pip's settings")


def ready(wanted: set[str]) -> None:
    """Bring .venv to what uv.lock says, with the wanted dependency groups and those it already has."""
    place = [sys.version, str(ROOT), UV]  # an environment is bound to its Python and to its path
    locked = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "uv.lock"))).hexdigest()
    try:
        known = json.loads(STAMP.read_text(encoding="utf-8"))
        groups = set(known["groups"]) if known["place"] == place and PYTHON.exists() else None
    except (OSError, ValueError, KeyError, TypeError):
        known, groups = {}, None
    if groups is not None and wanted <= groups and known["locked"] == locked:
        return
    started = time.monotonic()
    print("Setting up .venv …", file=sys.stderr, flush=True)
    if groups is None:
        make_venv()
    STAMP.unlink(missing_ok=True)
    groups = wanted | (groups or set())
    sync = (BIN / f"uv{EXE}", "sync", "--locked", "--no-default-groups", "--python", PYTHON)
    more = (f"--group={group}" for group in sorted(groups))
    quietly(*sync, *more, otherwise="could not install what uv.lock names: that needs the network, and uv's own index")
    STAMP.write_text(json.dumps({"place": place, "locked": locked, "groups": sorted(groups)}), encoding="utf-8")
    print(f"Ready after {time.monotonic() - started:.0f} s.", file=sys.stderr, flush=True)


def run(program: str, *words: str) -> None:
    """Show a command so that it can be repeated, run it in the project's folder, end with its code if it fails."""
    shown = [f"{BIN.relative_to(ROOT)}{os.sep}{program}", *words]
    print("\n$", *(f'"{word}"' if " " in word else word for word in shown), flush=True)
    if code := subprocess.run([BIN / f"{program}{EXE}", *words], cwd=ROOT, env=ENV, check=False).returncode:
        sys.exit(code)


def main() -> None:
    """Read one word and do it."""
    menu = [*((name, job.help) for name, job in JOBS.items()), ("check", ", ".join(CHECK))]
    text = "\n".join(f"  {name:6} {line}" for name, line in menu)
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("dev.py", description=text, formatter_class=form, usage="python3 dev.py COMMAND …")
    parser.add_argument("command", choices=[name for name, _ in menu], help=argparse.SUPPRESS)
    name = parser.parse_args(sys.argv[1:2] or ["--help"]).command
    jobs = [JOBS[step] for step in (CHECK if name == "check" else [name])]
    more = sys.argv[2:]
    if more and (len(jobs) > 1 or len(jobs[0].commands) > 1):
        parser.error(f"{name} takes no further words")
    for job in jobs:
        ready(set(job.groups))
        for command in job.commands:
            run(*command, *more)


if __name__ == "__main__":
    main()
