"""A tail as steps that its client performs, each in its own way: ask, begin to ask, deliver, pause."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import httpx

from artifactstore.client import requests
from artifactstore.client.following import Cursor, Following
from artifactstore.client.messages import FeedEvent, Received, RemoteError
from artifactstore.client.requests import Exchange


class Followed:
    """What every tail tells, however it is performed."""

    def __init__(self, following: Following) -> None:
        self._following = following

    @property
    def cursor(self) -> Cursor:
        """Where to go on after the event that was last returned: keep it with what was made of that."""
        return self._following.cursor


FAILURES = (httpx.TransportError, RemoteError)
"""What a request may end with, to be judged here; anything else is for the caller."""

Answer: TypeAlias = Received | httpx.TransportError | RemoteError


@dataclass(slots=True)
class Fetch:
    """Ask for a page and put it, or the failure, into ``answer``; if it was begun, wait for that."""

    request: Exchange[Received]
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin to ask: the next ``Fetch`` will be this one, and is not waited for until then."""

    ask: Fetch


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand these to the consumer; each counts as delivered when it is taken."""

    events: Iterator[FeedEvent]


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so long."""

    seconds: float


Step: TypeAlias = Fetch | Begin | Deliver | Pause


def steps(following: Following) -> Iterator[Step]:
    """The steps of a tail until it has ended.

    Raises ``FeedError`` for a page that cannot be right, and failures that trying again would not mend.
    """
    ahead: Fetch | None = None
    while not following.ended:
        ask = ahead or Fetch(requests.page_to_read(following.request()))
        ahead = None
        yield ask
        received = ask.answer
        if not isinstance(received, Received):
            yield Pause(following.pause_after(_failure(received), time.monotonic()))
            continue
        if (query := following.ahead(received.head)) is not None:
            ahead = Fetch(requests.page_to_read(query))
            yield Begin(ahead)
        page = received.read()
        following.check(page)
        yield Deliver(following.deliver(page))
        if page.retry_after is not None:
            yield Pause(page.retry_after)


def _failure(answer: Exception | None) -> Exception:
    if answer is None:
        raise TypeError("the step was not performed")
    return answer
