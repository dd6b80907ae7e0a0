"""A reader of Server-Sent Events, as the standard describes it (WHATWG HTML, 9.2.6)."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.timing import PATIENCE

ACCEPT = "text/event-stream"


@dataclass(frozen=True)
class Block:
    """What is between two empty lines.

    Attributes:
        fields: the last value of each field; ``name`` of the event, ``message`` if it has none.
    """

    fields: Mapping[str, str]

    @property
    def id(self) -> str | None:
        """The cursor behind it."""
        return self.fields.get("id")

    @property
    def name(self) -> str | None:
        """The name of the event; None: without data it is none."""
        return self.fields.get("event", "message") if "data" in self.fields else None

    @property
    def data(self) -> dict[str, Any]:
        """What the event says."""
        value: dict[str, Any] = json.loads(self.fields["data"])
        return value


class Stream:
    """A stream that is open; ``id`` is what the next one must give to go on."""

    def __init__(self, answer: httpx.Response, last: str | None) -> None:
        self.answer = answer
        self.id = last
        self._blocks = self._read()

    def next(self) -> Block:
        """The next block, comments too; raises ``StopIteration`` at the end."""
        return next(self._blocks)

    def rest(self) -> list[Block]:
        """All blocks up to the end."""
        return list(self._blocks)

    def messages(self) -> Iterator[dict[str, Any]]:
        """The events of the log, as they come; ``AssertionError`` for what else has data."""
        for block in self._blocks:
            if block.name is not None:
                assert block.name == "message", block.fields
                yield block.data

    def take(self, count: int) -> list[dict[str, Any]]:
        """So many of them."""
        messages = self.messages()
        return [next(messages) for _ in range(count)]

    def _read(self) -> Iterator[Block]:
        fields: dict[str, str] = {}
        end = time.monotonic() + PATIENCE
        for line in self.answer.iter_lines():
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
                continue
            block, fields = Block(fields), {}
            self.id = block.id or self.id
            assert time.monotonic() < end or block.name, "nothing comes but comments"
            yield block


def open_stream(
    client: httpx.Client, last: str | None = None, **query: Any
) -> AbstractContextManager[httpx.Response]:
    """What is answered who asks for a stream, after the event with the id ``last``."""
    headers = {"Accept": ACCEPT} | ({} if last is None else {"Last-Event-ID": last})
    return client.stream("GET", "/events", params=query, headers=headers)


@contextmanager
def streaming(client: httpx.Client, last: str | None = None, **query: Any) -> Iterator[Stream]:
    """A stream that is open."""
    with open_stream(client, last, **query) as answer:
        if answer.status_code != 200:
            answer.read()
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith(ACCEPT)
        yield Stream(answer, last)
