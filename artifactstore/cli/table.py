"""Tables on a terminal: one line for each row, however narrow it is.

What does not fit is shortened in this order: words, times (without how long ago they are), ids. An id is
whole or is its end behind ``…``, never a part that looks whole. Columns that do not fit even so are left
out, the last ones first; whoever shows the table says which.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from rich.cells import cell_len, set_cell_size

from artifactstore.cli.output import ago, readable

_GAP = "  "
_SHORT_ID = 12
"""Digits of a digest, from its beginning, and of an id, from its end: ids begin with the time."""
_LEAST = 8
"""Cells that a column of words keeps."""


class _Fit(NamedTuple):
    """How much is shortened: whether times and ids are, and cells that the widest words keep at least."""

    times: bool
    ids: bool
    words: int


_FITS = (_Fit(False, False, 28), _Fit(True, False, 16), _Fit(True, True, _LEAST))


@dataclass(slots=True)
class _Column:
    """A column: cells that it needs by each fit; one of nothing but words can do with less."""

    name: str
    needs: list[int]
    words: bool = True


class Table:
    """Rows as lines of at most ``width`` cells.

    Widths only grow from page to page, so that a list that is shown while it is read stays in columns.

    Args:
        width: of the terminal; None: whatever the lines need, and everything in them whole.

    Attributes:
        left_out: columns that had no room, in their order.
    """

    def __init__(self, columns: Sequence[str], width: int | None, now: datetime) -> None:
        self.width = width
        self.now = now
        self.left_out: list[str] = []
        self._columns = [_Column(name, [cell_len(name)] * len(_FITS)) for name in columns]

    def lines(self, rows: Iterable[Mapping[str, Any]], *, style: Callable[[str], str]) -> list[str]:
        """A line for each row; before them the names of the columns, styled, when a width is new."""
        before = [list(column.needs) for column in self._columns]
        values = [[row[column.name] for column in self._columns] for row in rows]
        for row in values:
            for column, value in zip(self._columns, row, strict=True):
                self._widen(column, value)
        fit, widths = self._fitted()
        names = [column.name for column in self._columns]
        self.left_out = names[len(widths) :]
        lines = [_line(map(_cut, row, widths), widths) for row in (self._forms(row, fit) for row in values)]
        if before != [column.needs for column in self._columns]:
            lines.insert(0, style(_line(map(_cut, names, widths), widths)))
        return lines

    def _widen(self, column: _Column, value: object) -> None:
        column.words &= not isinstance(value, (UUID, bytes, datetime, int, float))
        for number, fit in enumerate(_FITS):
            column.needs[number] = max(column.needs[number], cell_len(self._form(value, fit)))

    def _forms(self, row: Iterable[object], fit: _Fit) -> list[str]:
        return [self._form(value, fit) for value in row]

    def _form(self, value: object, fit: _Fit) -> str:
        """A value in a cell by a fit; digests are whole only where all is."""
        if isinstance(value, bytes):
            return value.hex() if self.width is None else f"{value.hex()[:_SHORT_ID]}…"
        if isinstance(value, UUID):
            return f"…{value.hex[-_SHORT_ID:]}" if fit.ids else str(value)
        if isinstance(value, datetime):
            whole = readable(value.replace(microsecond=0))
            return whole if fit.times else f"{whole} ({ago(value, self.now)})"
        return readable(value)

    def _fitted(self) -> tuple[_Fit, list[int]]:
        """The fit that shortens least among those that show most columns, and the widths of these."""
        if self.width is None:
            return _FITS[0], [column.needs[0] for column in self._columns]
        for shown in range(len(self._columns), 0, -1):
            for number, fit in enumerate(_FITS):
                widths = _share(
                    self._columns[:shown], number, self.width - len(_GAP) * (shown - 1), fit.words
                )
                if widths is not None:
                    return fit, widths
        return _FITS[-1], [self.width]


def _share(columns: Sequence[_Column], number: int, room: int, least: int) -> list[int] | None:
    """Widths of columns that together have ``room`` cells; None if words would get less than ``least``."""
    needs = [column.needs[number] for column in columns]
    words = sorted((need, place) for place, need in enumerate(needs) if columns[place].words)
    room -= sum(needs) - sum(need for need, _ in words)
    for taken, (need, place) in enumerate(words):
        fair = room // (len(words) - taken)
        if fair < min(need, least):
            return None
        needs[place] = min(need, fair)
        room -= needs[place]
    return needs if room >= 0 else None


def _line(cells: Iterable[str], widths: Sequence[int]) -> str:
    return _GAP.join(set_cell_size(cell, width) for cell, width in zip(cells, widths, strict=False)).rstrip()


def _cut(text: str, width: int) -> str:
    """The text in ``width`` cells: a name loses its middle, for its end tells it apart; a sentence its last
    words.
    """
    if cell_len(text) <= width:
        return text
    tail = "" if " " in text else _last_cells(text, (width - 1) // 2)
    begin = set_cell_size(text, width - 1 - cell_len(tail)).rstrip()
    if not tail and not text[len(begin)].isspace():
        begin = begin.rpartition(" ")[0].rstrip() or begin
    return f"{begin}…{tail}"


def _last_cells(text: str, width: int) -> str:
    begin = len(text)
    while begin and cell_len(text[begin - 1 :]) <= width:
        begin -= 1
    return text[begin:]
