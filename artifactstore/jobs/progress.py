"""How long work tells how far it is, without knowing who looks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.errors import Diagnostic


class Progress(Protocol):
    """Gets a step by name, how much of it is done, of how much, and the unit of both; any thread."""

    def __call__(self, step: str, done: int, total: int, unit: str = "events") -> None: ...


def quiet(step: str, done: int, total: int, unit: str = "events") -> None:
    """Progress that nobody sees."""


@contextmanager
def from_notices(connection: "Connection[Any]", step: str, progress: Progress) -> Iterator[None]:
    """Pass on the notices of ``artifactstore.project_ranges``, whose DETAIL says done and total."""

    def pass_on(diagnostic: "Diagnostic") -> None:
        if diagnostic.message_detail is not None:
            detail = json.loads(diagnostic.message_detail)
            progress(step, detail["done"], detail["total"])

    connection.add_notice_handler(pass_on)
    try:
        yield
    finally:
        connection.remove_notice_handler(pass_on)
