"""What a peer is, and how one is installed: pinned, in a directory of its own, never in this environment."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import platformdirs

from bench.plan import Say

Append: TypeAlias = Callable[[Sequence[str]], float]
"""Appends events, given by their data as JSON, one by one to one stream; the seconds that it took.

A connection and some appends before that are left out: statements are prepared and planned by then.
"""


class Unavailable(Exception):
    """A peer cannot be installed here; the text says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A program to compare with.

    Attributes:
        figure: name of its figure. packages: what is installed, with versions.
        install: puts the packages into an empty directory; raises ``Unavailable``.
        prepare: makes its tables in an empty database, from the directory and a conninfo; what appends.
    """

    figure: str
    packages: tuple[str, ...]
    install: Callable[[Path, Sequence[str], Say], None]
    prepare: Callable[[Path, str], Append]


def installed(peer: Peer, say: Say, cache: Path | None = None) -> Path:
    """The directory that the peer is in, which is kept for the next run; raises ``Unavailable``."""
    home = cache or Path(platformdirs.user_cache_dir("artifactstore-bench")) / "peers"
    directory = home / "+".join(package.replace("/", "-") for package in peer.packages)
    whole = directory / "whole"
    if not whole.exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        peer.install(directory, peer.packages, say)
        whole.touch()
    say(f"{peer.figure}: {', '.join(peer.packages)}, from {directory}")
    return directory


def from_npm(directory: Path, packages: Sequence[str], say: Say) -> None:
    """Install packages of npm, without running scripts of theirs."""
    if shutil.which("node") is None:
        raise Unavailable("node is missing")
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(directory))
    run(["npm", "install", *options, *packages], say)


def run(command: Sequence[str], say: Say, seconds: float = 300) -> None:
    """Say which program is run, and run it; raises ``Unavailable`` with the end of what it says."""
    say(f"$ {' '.join(command)}")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise Unavailable(str(failure)) from None
    if done.returncode:
        raise Unavailable(f"{command[0]} failed: {' '.join(done.stderr.split())[-200:]}")
