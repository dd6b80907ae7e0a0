"""Runs the program many times, each time in a process of its own that is set up as told.

A process per line of JSON on stdin; its exit status comes back as a line. Forked from one that has imported
everything: to start Python anew each time would take ten times as long.
"""

import fcntl
import json
import os
import resource
import sys
import termios
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from artifactstore.cli.main import SECTIONS, main

_LATER = (
    "artifactstore.client", "artifactstore.embedded", "artifactstore.jobs.exports", "artifactstore.migrate",
    "artifactstore.cli.failure", "artifactstore.cli.output", "artifactstore.cli.progress",
    "artifactstore.remote", "artifactstore.cli.services", "artifactstore.jobs.doctor",
   "artifactstore.jobs.follow", "artifactstore.store", "getpass",
    "encodings.idna", "encodings.utf_8_sig", "rich.console", "rich.progress", "rich.table", "yoyo.migrations",
)  # fmt: skip
"""What commands import when they need it: an account without rights may not read it."""


def become(told: dict[str, Any]) -> None:
    """Set this process up as told."""
    if told["umask"] is not None:
        os.umask(told["umask"])
    if told["terminal"] is not None:
        os.setsid()
        terminal = os.open(told["terminal"], os.O_RDWR)
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        for descriptor in (0, 1, 2):
            os.dup2(terminal, descriptor)
    else:
        for descriptor, path, flags in (
            (0, told["stdin"], os.O_RDONLY),
            (1, told["stdout"], os.O_WRONLY),
            (2, told["stderr"], os.O_WRONLY),
        ):
            opened = os.open(path, flags)
            os.dup2(opened, descriptor)
            os.close(opened)
    os.environ.clear()
    os.environ.update(told["environment"])
    time.tzset()
    if told["directory"] is not None:
        os.chdir(told["directory"])
        if told["directory_goes"]:
            Path(told["directory"]).rmdir()
    if told["files"] is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (told["files"], told["files"]))
    if told["uid"] is not None:
        os.setgroups([])
        os.setgid(told["uid"])
        os.setuid(told["uid"])
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)  # noqa: SIM115


def serve() -> dict[str, Any] | None:
    """Fork for each line; in a forked process, what it is told."""
    commands, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    for line in commands:
        child = os.fork()
        if child == 0:
            told: dict[str, Any] = json.loads(line)
            return told
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()
    return None


if __name__ == "__main__":
    for module in {
        f"artifactstore.cli.{module}" for section in SECTIONS.values() for module, _ in section.values()
    }:
        import_module(module)
    for name in _LATER:
        import_module(name)
    request = serve()
    if request is not None:
        become(request)
        sys.argv = ["artifactstore", *request["arguments"]]
        main()
