"""Exports of stores, and what must be equal of two of them."""

import io
from typing import Any

from psycopg.sql import SQL, Identifier

from artifactstore.jobs.exports import Summary, export, import_log
from artifactstore.store import Store


def exported(store: Store, first: int = 1, last: int | None = None) -> bytes:
    """The bytes of an export."""
    stream = io.BytesIO()
    export(store, stream, first=first, last=last)
    return stream.getvalue()


def imported(store: Store, data: bytes) -> Summary:
    """Import these bytes."""
    return import_log(store, io.BytesIO(data))


def state(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every row and column of the log and of the live views."""
    names = ["events", *store.rebuilds.view_counts()]
    rows = {}
    for name in names:
        query = SQL("SELECT t::text FROM {} t ORDER BY 1").format(Identifier("artifactstore", name))
        rows[name] = store.connection.execute(query).fetchall()
    return rows


def is_untouched(store: Store) -> bool:
    """Whether neither log nor views have a row."""
    return not any(state(store).values())
