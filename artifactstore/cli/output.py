"""Results on stdout: JSON lines for programs, tables on a terminal, tab-separated columns elsewhere."""

import json
import shutil
import sys
import unicodedata
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import click

_TABLE_ROWS = 500
"""Rows that a table on a terminal measures together: a long list appears while it is read."""
_UNITS = (
    ("year", 31_556_952),
    ("month", 2_629_746),
    ("day", 86_400),
    ("hour", 3_600),
    ("minute", 60),
    ("second", 1),
)
"""Seconds of a unit; a year and a month as they are on average by the Gregorian calendar."""


def visible(text: str) -> str:
    r"""The text with everything escaped that could move, hide or reorder what is on a terminal.

    Those are control and format characters such as ``\x1b`` and ``\u202e``, surrogates, private and
    unassigned ones, and separators of lines and paragraphs (Unicode categories C*, Zl, Zp).
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] != "C" and category not in ("Zl", "Zp"):
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()


def jsonable(value: object) -> Any:
    """The value in JSON types: ids as text, bytes as hex, times as RFC 3339 in UTC."""
    if isinstance(value, Mapping):
        return {str(name): jsonable(item) for name, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return jsonable(value._asdict())
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, UUID):
        return str(value)
    return value


def readable(value: object) -> str:
    """The value as text on one line, safe to print; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(sep=" ").replace("+00:00", "Z")
    plain = jsonable(value)
    if isinstance(plain, (dict, list)):
        plain = json.dumps(plain, ensure_ascii=False)
    return visible(str(plain))


def ago(moment: datetime, now: datetime) -> str:
    """How far a moment is from now, in its largest unit: ``3 days ago``, ``in 1 year``, ``now``."""
    seconds = int((now - moment).total_seconds())
    for unit, length in _UNITS:
        count = abs(seconds) // length
        if count:
            told = f"{count} {unit}{'s' * (count > 1)}"
            return f"{told} ago" if seconds > 0 else f"in {told}"
    return "now"


class Output:
    """Writes the results of one command.

    Args:
        as_json: one JSON object per line instead of text for people.
        wide: tables on a terminal are as wide as they need, with everything in them whole.
    """

    def __init__(self, as_json: bool, wide: bool = False) -> None:
        self.as_json = as_json
        self.wide = wide

    def result(self, values: Mapping[str, object], *, err: bool = False) -> None:
        """Write one object, a value per line; ``err``: to stderr, when stdout has the goods."""
        if self.as_json:
            self._json(values, err=err)
            return
        width = max(map(len, values), default=0)
        on_terminal = (sys.stderr if err else sys.stdout).isatty()
        for name, value in values.items():
            if value is not None:
                told = readable(value)
                if on_terminal and isinstance(value, datetime):
                    told = f"{told} ({ago(value, datetime.now(UTC))})"
                _write(f"{name:<{width}}  {told}", err=err)

    def rows(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, live: bool = False) -> int:
        """Write a list with these columns (as JSON: all that the rows have); returns its length.

        ``live``: each row at once, not when there are enough for a table.
        """
        stream = iter(rows)
        # An abandoned cursor would still be in its transaction when the connection is closed.
        with closing(stream) if isinstance(stream, Generator) else nullcontext():
            if not self.as_json and sys.stdout.isatty():
                return self._table(columns, stream, 1 if live else _TABLE_ROWS)
            if not self.as_json:
                _write("\t".join(columns))
            count = 0
            for count, row in enumerate(stream, start=1):  # noqa: B007
                if self.as_json:
                    self._json(row)
                else:
                    _write("\t".join(readable(row[column]) for column in columns))
            return count

    def _table(self, columns: Sequence[str], rows: Iterator[Mapping[str, Any]], together: int) -> int:
        from artifactstore.cli.table import Table  # what it measures with is not needed elsewhere

        table = Table(columns, None if self.wide else _width(), datetime.now(UTC))
        count = 0
        while page := list(islice(rows, together)):
            for line in table.lines(page, style=_bold):
                _write(line)
            count += len(page)
        if table.left_out:
            _write(f"not shown: {', '.join(table.left_out)} (--wide shows all)", err=True)
        return count

    def say(self, *lines: str) -> None:
        """Write lines for people; nothing in JSON."""
        if not self.as_json:
            for line in lines:
                _write(visible(line))

    def _json(self, values: Mapping[str, object], *, err: bool = False) -> None:
        # ASCII only: safe on every terminal and in every locale.
        _write(json.dumps(jsonable(values)), err=err)


@contextmanager
def written() -> Iterator[None]:
    """Raise as ``output-lost`` that results cannot be written; that their reader left is told another way."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as failure:
        from artifactstore import system  # --help must not wait for a database driver

        raise system.output_lost(failure) from failure


def flush() -> None:
    """Write what is still on its way to stdout; raises ``BadInput`` output-lost."""
    with written():
        sys.stdout.flush()


def _write(line: str, *, err: bool = False) -> None:
    with written():
        click.echo(line, err=err)


def _width() -> int:
    """Cells of a line of the terminal that stdout is, or as COLUMNS says."""
    return shutil.get_terminal_size().columns


def _bold(text: str) -> str:
    return click.style(text, bold=True)
