"""How a ``Store`` talks to its connection."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, LiteralString, TypeAlias, TypeVar
from uuid import UUID

from psycopg import Connection
from psycopg.rows import RowFactory, args_row, dict_row
from psycopg.sql import SQL, Composed, Identifier

from artifactstore.errors import ArtifactstoreError, BadInput, NotFound, translated
from artifactstore.store.rows import Appended, Row

T = TypeVar("T")
Parameters: TypeAlias = Sequence[object] | Mapping[str, object]

_STREAM_ROWS = 2_000
_cursors = count(1)


_LARGEST = 2**63 - 1


def check_integers(values: Iterable[object]) -> None:
    """Raise ``BadInput`` usage for an integer that is no bigint.

    The driver would send a numeric, for which there is no function: as if the schema were too old.
    """
    for value in values:
        if type(value) is int and not -_LARGEST - 1 <= value <= _LARGEST:
            shown = str(value) if value.bit_length() < 100 else f"an integer of {value.bit_length()} bits"
            raise BadInput("usage", {"problem": f"{shown} is no number of the log: they end at 2^53 - 1"})


def _checked(parameters: Parameters) -> Parameters:
    check_integers(parameters.values() if isinstance(parameters, Mapping) else parameters)
    return parameters


class Abandonable:
    """Around the body of a generator of rows: one that is given up needs its connection no more.

    Whoever gives it up, such as the garbage collector after another failure, is not told that the connection
    is lost by now.
    """

    def __init__(self) -> None:
        self._given_up = False

    def __enter__(self) -> "Abandonable":
        return self

    def __exit__(self, _kind: object, failure: BaseException | None, _trace: object) -> bool:
        return self._given_up and isinstance(failure, ArtifactstoreError)

    def rows(self, rows: Iterable[T]) -> Iterator[T]:
        """The rows, noting when nobody wants more of them."""
        try:
            # Not "yield from": that would close the cursor, which fails, before this is noted.
            for row in rows:  # noqa: UP028
                yield row
        except GeneratorExit:
            self._given_up = True
            raise


class Connected:
    """A connection, and how it is asked: one row, all rows, or a stream of them."""

    def __init__(self, connection: Connection[Any]) -> None:
        self.connection = connection

    def _row(self, query: SQL | Composed, parameters: Parameters = ()) -> Row:
        """The one row of a query that always has one."""
        with translated(), self.connection.cursor(row_factory=dict_row) as cursor:
            (row,) = cursor.execute(query, _checked(parameters)).fetchall()
        return row

    def _appended(self, query: SQL, parameters: Parameters) -> Appended:
        """Where the one event landed that a function appends: position, sequence, created_at, appended."""
        with translated(), self.connection.cursor(row_factory=args_row(Appended)) as cursor:
            (row,) = cursor.execute(query, _checked(parameters)).fetchall()
        return row

    def _find(self, query: SQL | Composed, parameters: Parameters, *, what: str, which: object) -> Row:
        """The row that is looked for; raises ``NotFound`` naming it."""
        with translated(), self.connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(query, _checked(parameters)).fetchone()
        if row is None:
            raise NotFound("not-found", {"problem": f"{what} {which}", what: str(which)})
        return row

    def _all(self, make: RowFactory[T], query: SQL | Composed, parameters: Parameters = ()) -> list[T]:
        with translated(), self.connection.cursor(row_factory=make) as cursor:
            return cursor.execute(query, _checked(parameters)).fetchall()

    def _some(self, make: RowFactory[T], query: SQL | Composed, parameters: Parameters = ()) -> Iterator[T]:
        """Rows as they come, one in memory at a time; closed before its end, it cancels the query.

        Then the transaction has failed: nothing can be read in it after that.
        """
        with Abandonable() as given, translated(), self.connection.cursor(row_factory=make) as cursor:
            yield from given.rows(cursor.stream(query, _checked(parameters)))

    def _stream(self, make: RowFactory[T], query: SQL | Composed, parameters: Parameters = ()) -> Iterator[T]:
        """Rows in binary through a server-side cursor: psycopg's client cursors hold the whole result."""
        with Abandonable() as given, translated(), self.connection.transaction():
            name = f"artifactstore_{next(_cursors)}"
            with self.connection.cursor(name, row_factory=make) as cursor:
                cursor.itersize = _STREAM_ROWS
                cursor.execute(query, _checked(parameters), binary=True)
                yield from given.rows(cursor)


class Paged(Connected):
    """Pages of a view in a stable order, each from the row after the last of the one before."""

    def _page(
        self,
        view: str,
        order: tuple[str, ...],
        key: str,
        conditions: Mapping[str, object],
        parameters: Mapping[str, object],
        after: UUID | int | None,
        limit: int,
        beside: LiteralString = "",
    ) -> Iterator[Row]:
        """Rows of a view; ``beside`` joins to each row of ``page`` what is asked for as it is read."""
        table = Identifier("artifactstore", view)
        columns = SQL(", ").join(Identifier(column) for column in order)
        wanted: list[SQL | Composed] = [
            SQL(condition) for condition, value in conditions.items() if value is not None
        ]
        values = {**parameters, "limit": limit}
        if after is not None:
            values |= self._cursor(table, order, key, after)
            marks = SQL(", ").join(SQL("%(after_{})s").format(SQL(column)) for column in order)
            wanted.append(SQL("({}) > ({})").format(columns, marks))
        where = SQL("WHERE {}").format(SQL(" AND ").join(wanted)) if wanted else SQL("")
        rows = SQL("SELECT * FROM {} {} ORDER BY {} LIMIT %(limit)s").format(table, where, columns)
        query = SQL("SELECT * FROM ({}) page {} ORDER BY {}").format(rows, SQL(beside), columns)
        return self._some(dict_row, query, values)

    def _cursor(
        self, table: Identifier, order: tuple[str, ...], key: str, after: UUID | int
    ) -> dict[str, object]:
        """The order columns of the row ``after``: as values, so that the index is searched from there."""
        columns = SQL(", ").join(Identifier(column) for column in order)
        query = SQL("SELECT {} FROM {} WHERE {} = %s").format(columns, table, Identifier(key))
        found = self._all(dict_row, query, (after,))
        if not found:
            problem = f"after is the {key} of the last row of the page before, not {after}"
            raise BadInput("bad-request", {"problem": problem, "parameter": "after"})
        return {f"after_{column}": value for column, value in found[0].items()}
