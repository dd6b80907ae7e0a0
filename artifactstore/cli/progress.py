"""Progress of long work on stderr."""

import sys
import threading
import time
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_LINE_SECONDS = 5.0
"""Seconds between lines where there is no terminal."""


class Reporter:
    """An ``artifactstore.jobs.progress.Progress``: a bar on a terminal, else a line every few seconds."""

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, tuple[float, int]] = {}
        self._next_line = time.monotonic() + _LINE_SECONDS
        self._lock = threading.Lock()
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        if not self._silent and sys.stderr.isatty():
            self._bar = self._resources.enter_context(_bar())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def __call__(self, step: str, done: int, total: int, unit: str = "events") -> None:
        """Show how far a step is; ``total`` 0 when nobody knows."""
        if self._silent:
            return
        with self._lock:
            if self._bar is not None:
                self._show(self._bar, step, done, total, unit)
            elif time.monotonic() >= self._next_line:
                self._next_line = time.monotonic() + _LINE_SECONDS
                click.echo(f"{step}: {self._text(step, done, total, unit)}", err=True)

    def _show(self, bar: "Progress", step: str, done: int, total: int, unit: str) -> None:
        if step not in self._tasks:
            self._tasks[step] = bar.add_task(step, total=None, text="")
        text = self._text(step, done, total, unit)
        bar.update(self._tasks[step], completed=done, total=total or None, text=text)

    def _text(self, step: str, done: int, total: int, unit: str) -> str:
        now = time.monotonic()
        started, first = self._started.setdefault(step, (now, done))
        if not unit:
            return ""
        text = amount(done, unit) + (f" of {amount(total, unit)}" if total else "")
        if now - started < 1 or done <= first:
            return text
        rate = (done - first) / (now - started)
        left = f", {(total - done) / rate:.0f} s left" if total > done else ""
        return f"{text}, {amount(round(rate), unit)}/s{left}"


def amount(count: int, unit: str) -> str:
    """A number of events, files or bytes for people."""
    if unit != "bytes":
        return f"{count:,} {unit}"
    if count < 1_000_000:
        return f"{count / 1000:,.1f} kB"
    return f"{count / 1_000_000:,.1f} MB"


def _bar() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
