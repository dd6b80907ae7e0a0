"""From what a client answers and raises to what ``Store`` does: rows, and errors by name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, TypeVar, get_origin

import httpx

from artifactstore.client import FeedError, RemoteError
from artifactstore.client.reading import HEX, hints
from artifactstore.errors import ERRORS, BadInput, error
from artifactstore.store import Row

T = TypeVar("T")
PAGE = 1_000
"""Rows asked for at once."""


@contextmanager
def translated_answers() -> Iterator[None]:
    """Raise what the client raises as the errors that the library has on a database."""
    try:
        yield
    except RemoteError as failure:
        raise failure.local() from failure
    except FeedError as failure:
        code = failure.code if failure.code in ERRORS else "log-damaged"
        raise error(code, {"problem": str(failure), "sequence": failure.cursor.sequence}) from failure
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as failure:
        raise error("usage", {"problem": f"the URL or the token: {failure}"}) from failure
    except httpx.HTTPError as failure:
        raise error("service-unreachable", {"problem": str(failure) or type(failure).__name__}) from failure


@contextmanager
def shaped(path: str) -> Iterator[None]:
    """Raise what goes wrong while JSON is read as ``foreign-answer``: the service says something else."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, BadInput) as failure:
        problem = f"{path} answers JSON of something else: {failure!r}"
        raise error("foreign-answer", {"problem": problem}) from failure


def row_of(answer: Any) -> Row:
    """An answer as a row of a view: digests as bytes."""
    kinds = hints(answer.__class__)
    return {one.name: _value(kinds[one.name], getattr(answer, one.name)) for one in fields(answer)}


def _value(kind: Any, value: Any) -> Any:
    if isinstance(value, str) and _is_hex(kind):
        return bytes.fromhex(value)
    if isinstance(value, tuple):
        return [row_of(one) if is_dataclass(one) else one for one in value]
    return row_of(value) if is_dataclass(value) else value


def _is_hex(kind: Any) -> bool:
    """Whether it is ``Hex``, or that or None."""
    kinds = (kind, *getattr(kind, "__args__", ()))
    return any(get_origin(one) is Annotated and HEX in one.__metadata__ for one in kinds)


def all_pages(ask: Callable[[Any], T], items: Callable[[T], tuple[Any, ...]]) -> Iterator[Row]:
    """Every row of a list: ``ask`` gets the page behind a key, None at first; ``items`` are its rows."""
    after = None
    while True:
        with translated_answers():
            page: Any = ask(after)
        yield from map(row_of, items(page))
        after = page.next
        if after is None:
            return
