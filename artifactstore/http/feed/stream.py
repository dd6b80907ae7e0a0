"""The feed as one answer that goes on: Server-Sent Events (WHATWG HTML, 9.2).

It is the long poll, asked again and again on behalf of the client, each time with the identity of the event
at the cursor: what holds for pages holds for it. One page is in memory at a time, and the next one is asked
for when the connection has taken it, so whoever reads slowly is waited for.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace

from artifactstore.errors import ArtifactstoreError
from artifactstore.feed import Seen
from artifactstore.http.feed.encoding import event_id
from artifactstore.http.feed.live_feed import Ask, after
from artifactstore.http.feed.representation import Answered
from artifactstore.http.web.problems import RETRY_SECONDS
from artifactstore.http.web.request import bad_request

PING_SECONDS = 15.0
"""After which something is sent, were it nothing: proxies cut what is silent for a minute."""

_EVENT_ID = re.compile("0|([1-9][0-9]{0,15})-sha256:([0-9a-f]{64})")
"""As ``event_id`` makes it."""
_RETRY = b"retry: %d\n" % (RETRY_SECONDS * 1_000)
"""A line of the first block."""
_PING = b":\n\n"


def resumed(ask: Ask, last_event_id: str | None) -> Ask:
    """The same after the event that the client saw last, if it says so; raises ``BadInput`` bad-request."""
    if last_event_id is None:
        return ask
    match = _EVENT_ID.fullmatch(last_event_id)
    if match is None:
        raise bad_request("Last-Event-ID is the id of an event as a stream told it", header="Last-Event-ID")
    seen = None if match[1] is None else Seen(bytes.fromhex(match[2]))
    return replace(ask, query=replace(ask.query, since=int(match[1] or 0)), seen=seen)


async def stream(
    ask: Ask,
    page: Answered,
    read: Callable[[Ask], Awaitable[Answered]],
    ends: Callable[[], bool],
    refused: Callable[[ArtifactstoreError], bytes],
) -> AsyncGenerator[bytes]:
    """The events of ``page``, which answers ``ask``, and all that come after them.

    It ends when ``ends`` says so, when too many wait, and with an event ``refused`` when a page is; while the
    database cannot be asked it goes on trying.

    Args:
        read: gives a page. refused: makes the problem, as JSON, of a refusal.
    """
    yield _RETRY + page.body + _cursor(page)
    while not (page.busy or ends()):
        ask = replace(after(ask, page), wait=PING_SECONDS)
        try:
            page = await read(ask)
        except ArtifactstoreError as failure:
            if failure.status != 503:
                yield b"event: refused\ndata: %b\n\n" % refused(failure)
                return
            yield _PING
            await asyncio.sleep(RETRY_SECONDS)
            continue
        yield page.body + (_cursor(page) if page.next > ask.query.since else _PING)


def _cursor(page: Answered) -> bytes:
    """Moves the client past what a filter left out; without data no event is made of it."""
    return b"id: %b\n\n" % event_id(page.next, page.next_digest)
