"""Runs the program in surroundings that are told."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.program import ACTOR, Outcome

_ZYGOTE = Path(__file__).with_name("zygote.py")
_SECONDS = 60.0
_ROOT = Path(__file__).parents[2]
_OURS = ("PG", "ARTIFACTSTORE_", "LC_", "LANG", "DATABASE_URL", "PYTHON")


def plain() -> dict[str, str]:
    """The environment of this run without what the program reads."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, "PAGER": "cat"}  # of psql, which asks somebody else on a terminal


class Runner:
    """Runs the program.

    Args:
        directory: for its input and output.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._begin()

    def _begin(self) -> None:
        self._zygote = subprocess.Popen(
            [sys.executable, str(_ZYGOTE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**plain(), "PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8"}, cwd="/", start_new_session=True,
        )  # fmt: skip

    def close(self) -> None:
        """End the process that forks."""
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.close()
        self._zygote.wait(10)
        self._zygote.stdout.close()

    def run(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        without: tuple[str, ...] = (),
        stdin: str = "",
        stdout: str | None = None,
        umask: int | None = None,
        uid: int | None = None,
        files: int | None = None,
        directory: str | None = None,
        directory_goes: bool = False,
        terminal: bool = False,
    ) -> Outcome:
        """Run it in a process of its own.

        Args:
            environment: on top of the plain one. without: names that are left out of that.
            stdout: a file to write to instead of one of ours, such as /dev/full.
            umask, uid, files: of the process; files: how many it may open.
            directory: where it works. directory_goes: it is removed before the program begins.
            terminal: on a terminal, whose output is stdout of the outcome.
        """
        paths = {name: self._directory / name for name in ("stdin", "stdout", "stderr")}
        paths["stdin"].write_text(stdin)
        for name in ("stdout", "stderr"):
            paths[name].write_text("")
        leader, follower = pty.openpty() if terminal else (-1, -1)
        told = {
            "arguments": list(arguments),
            "environment": {
                **{name: value for name, value in plain().items() if name not in without},
                **(environment or {}),
            },
            "stdin": str(paths["stdin"]),
            "stdout": stdout or str(paths["stdout"]),
            "stderr": str(paths["stderr"]),
            "umask": umask,
            "uid": uid,
            "files": files,
            "directory": directory,
            "directory_goes": directory_goes,
            "terminal": os.ttyname(follower) if terminal else None,
        }
        try:
            code, shown = self._answer(told, leader)
        finally:
            if terminal:
                os.close(leader)
                os.close(follower)
        outcome = Outcome(code, shown if terminal else _read(paths["stdout"]), _read(paths["stderr"]))
        check_manners(outcome, arguments)
        return outcome

    def _answer(self, told: Mapping[str, Any], leader: int) -> tuple[int, str]:
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write(json.dumps(told) + "\n")
        self._zygote.stdin.flush()
        answers, shown, deadline = self._zygote.stdout, b"", time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            watched = [answers.fileno(), *([leader] if leader >= 0 else [])]
            ready, _, _ = select.select(watched, [], [], 1.0)
            if leader in ready:
                shown += os.read(leader, 65_536)
            elif ready:
                return int(answers.readline()), shown.decode("utf-8", "replace")
        os.killpg(self._zygote.pid, signal.SIGKILL)
        self.close()
        self._begin()
        raise AssertionError(f"not ended after {_SECONDS} s: {told['arguments']} {shown[-2_000:]!r}")


def check_manners(outcome: Outcome, arguments: tuple[str, ...], *, silent: bool = False) -> None:
    """Whatever the surroundings: no defect, no traceback; what fails says so, unless it has no stderr."""
    told = outcome.stdout + outcome.stderr
    assert outcome.code != 70, (arguments, outcome)
    assert outcome.code >= 0, (arguments, outcome)
    assert "Traceback" not in told, (arguments, outcome)
    # psql repeats what the server says.
    says_so = "error" in told or ("psql" in arguments and "FATAL" in told)
    assert outcome.code in (0, 1, 141) or says_so or silent, (arguments, outcome)


def fresh(*arguments: str, environment: Mapping[str, str] | None = None, shell: str = '"$@"') -> Outcome:
    """Run it from the start of Python, which reads some of the environment only then.

    Args:
        shell: text of a shell that runs the program as ``"$@"``, for instance with its stdout closed.
    """
    command = ["/bin/sh", "-c", shell, "sh", sys.executable, "-m", "artifactstore", *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_SECONDS, cwd=_ROOT,
        env={**plain(), **(environment or {})},
    )  # fmt: skip
    outcome = Outcome(
        done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    )
    check_manners(outcome, arguments, silent="2>&-" in shell)
    return outcome


def on(conninfo: str, *arguments: str) -> tuple[str, ...]:
    """The arguments for a database, with results as JSON."""
    return ("--json", "--database-url", conninfo, "--actor", ACTOR, *arguments)


@contextmanager
def runner_in(directory: Path) -> Iterator[Runner]:
    """A runner that ends with the context."""
    made = Runner(directory)
    try:
        yield made
    finally:
        made.close()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
