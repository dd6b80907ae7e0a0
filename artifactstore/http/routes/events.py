"""The feed: the events of the log, in order, none left out, and waiting for the next."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from artifactstore import feed
from artifactstore.codec import MAX_INTEGER, digest
from artifactstore.errors import ArtifactstoreError, Refused, error
from artifactstore.events import EVENT_TYPES, GROUPS
from artifactstore.events.kinds import Id, Int, Text
from artifactstore.feed import Seen
from artifactstore.http.auth import Role
from artifactstore.http.endpoint import MIN_SEQUENCE, Answer, Call, Endpoint
from artifactstore.http.feed.encoding import CBOR, ENCODE, JSON, SSE, Form, digest_text
from artifactstore.http.feed.live_feed import Ask, LiveFeed
from artifactstore.http.feed.representation import Answered, preferred
from artifactstore.http.feed.stream import PING_SECONDS, resumed, stream
from artifactstore.http.routes.log import epochs
from artifactstore.http.web import problems
from artifactstore.http.web.answers import BOOL, COUNT, DIGEST, ID, TEXT, array, maybe, record, ref
from artifactstore.http.web.problems import RETRY_SECONDS
from artifactstore.http.web.request import ClientLeftError, Parameter, bad_request
from artifactstore.http.web.trace import header
from artifactstore.leaves import Columns
from artifactstore.store import EventFilter, PageQuery, Position, Store
from artifactstore.store.selection import FILTERED
from artifactstore.words import SUBJECT_KINDS

MAX_WAIT = 55
"""Seconds; proxies cut what is silent for a minute."""

_KINDS = Text(enum=SUBJECT_KINDS)
_VARY = "Accept, Authorization"
_CBOR_SEQUENCE = {"type": "string", "contentMediaType": CBOR}
_SINCE = re.compile("head|0|[1-9][0-9]{0,15}")
_EPOCH = re.compile("[1-9][0-9]{0,15}-[0-9a-f]{8}")
_DIGEST = re.compile("(?:(sha256|blake3):)?([0-9a-fA-F]{64})")

_LOST = ("cursor-ahead", "epoch-mismatch", "diverged")

_EPOCH_PARAMETER = Parameter(
    "epoch",
    Text(max=25, pattern=f"^{_EPOCH.pattern}$"),
    "epoch that the client follows, as answers tell it: 409 if the log has another",
)


async def _events(call: Call) -> Answer:
    form = _form(call, (JSON, CBOR, SSE))
    return await (stream_events(call) if form == SSE else _page(call, form))


async def _page(call: Call, form: Form) -> Answer:
    _check_texts(call.query)
    ask = await _ask(call, form)
    page = await _read(call, ask, call.client_left)
    call.trace.position = page.position
    below_head = page.full and page.next < page.position.head
    headers = {
        **_caching(page.body, below_head, ask.epoch),
        "Artifactstore-Next": str(page.next),
        "Artifactstore-Has-More": str(page.has_more).lower(),
    }
    if page.next_digest is not None:
        headers["Artifactstore-Next-Digest"] = digest_text(page.next_digest)
    if page.busy:
        headers["Retry-After"] = str(RETRY_SECONDS)
    return Answer(page.body, headers=headers, media_type=form)


async def stream_events(call: Call) -> Answer:
    """The events after a cursor as Server-Sent Events, whatever form was asked for."""
    _check_texts(call.query)
    _check_streamable(call)
    if _feed(call).crowded:
        raise error("overloaded", {"problem": "as many wait for events as may"})
    ask = resumed(await _ask(call, SSE), header(call.scope, b"last-event-id"))
    first = await _read(call, ask, call.client_left)
    call.trace.position = first.position
    headers = {"Vary": _VARY, "X-Accel-Buffering": "no"}
    return Answer(headers=headers, media_type=SSE, parts=_parts(call, ask, first))


async def _parts(call: Call, ask: Ask, first: Answered) -> AsyncGenerator[bytes]:
    left = asyncio.ensure_future(call.client_left())

    async def client_left() -> None:
        await asyncio.wait((left,))

    async def read(next_ask: Ask) -> Answered:
        if left.done():
            raise ClientLeftError
        await call.check_caller()
        return await _read(call, next_ask, client_left)

    def refused(failure: ArtifactstoreError) -> bytes:
        call.trace.code, call.trace.problem = failure.code, str(failure.detail.get("problem", ""))
        return problems.body(failure, call.trace.request_id)

    parts = stream(ask, first, read, lambda: _feed(call).stopping, refused)
    try:
        async with aclosing(parts):
            async for part in parts:
                yield part
    finally:
        left.cancel()


def _check_streamable(call: Call) -> None:
    """Raise ``BadInput`` bad-request for what a stream cannot be."""
    for name in ("until", "wait"):
        if call.query[name]:
            raise bad_request(f"{name} is for pages: a stream waits, and has no end", parameter=name)
    if call.scope["http_version"] == "1.0":
        raise bad_request("a stream needs HTTP/1.1")


def _feed(call: Call) -> LiveFeed:
    live_feed: LiveFeed = call.scope["app"].state.live_feed
    return live_feed


async def _ask(call: Call, form: Form) -> Ask:
    query, since = call.query, call.query["since"]
    if since == "head":
        if query["since_digest"] is not None:
            raise bad_request(
                "since_digest needs since to be the sequence of an event", parameter="since_digest"
            )
        since = str(await _feed(call).head())
    elif query["since_digest"] is not None and since == "0":
        raise bad_request("since_digest is that of the event at since; 0 is none", parameter="since_digest")
    return Ask(
        PageQuery(int(since), query["until"], _filter(query), query["limit"]),
        form,
        query["wait"],
        query["epoch"],
        _seen(query["since_digest"]),
        query["min_sequence"],
    )


async def _read(call: Call, ask: Ask, client_left: Callable[[], Awaitable[None]]) -> Answered:
    """The page; a refusal of it tells the epochs of the log, from which a follower sees what it lost."""
    try:
        return await _feed(call).page(ask, client_left)
    except Refused as refusal:
        if refusal.code in _LOST:
            refusal.detail["epochs"] = await call.read(epochs)
        raise


async def _event(call: Call) -> Answer:
    query = call.query
    _check_texts(query)
    position: list[Position] = []

    def read(store: Store) -> Columns:
        position.append(store.identity.position())
        feed.check_epoch(query["epoch"], position[-1])
        return feed.read_event(store.connection, call.path["sequence"], position[-1])

    event = await call.read(read)
    form = _form(call, (JSON, CBOR))
    body = ENCODE[form](event)
    headers = _caching(body, True, query["epoch"])
    return Answer(
        body,
        headers={**headers, "Artifactstore-Digest": digest_text(event.identity)},
        media_type=form,
    )


def _check_texts(query: Mapping[str, Any]) -> None:
    since, epoch = query.get("since"), query["epoch"]
    if since is not None and (
        _SINCE.fullmatch(since) is None or (since != "head" and int(since) > MAX_INTEGER)
    ):
        raise bad_request(f"since is head or a sequence: digits, up to {MAX_INTEGER}", parameter="since")
    if epoch is not None and _EPOCH.fullmatch(epoch) is None:
        raise bad_request("epoch is of the form 1-9f86d081, as answers tell it", parameter="epoch")


def _seen(text: str | None) -> Seen | None:
    """What the client saw at its cursor: the identity of the event, or the digest of its payload."""
    if text is None:
        return None
    match = _DIGEST.fullmatch(text)
    if match is None:
        problem = "since_digest is sha256:<64 hex digits>, as next_digest tells it, or a payload_digest"
        raise bad_request(problem, parameter="since_digest")
    algorithm: Any = match[1]
    return Seen(bytes.fromhex(match[2]), algorithm)


def _filter(query: Mapping[str, Any]) -> EventFilter:
    return EventFilter(**{column: frozenset(query[column]) for column in FILTERED}).resolved()


def _form(call: Call, forms: Sequence[Form]) -> Form:
    return preferred(header(call.scope, b"accept"), forms)


def _caching(body: bytes, lasting: bool, epoch: str | None) -> dict[str, str]:
    """Headers for caches: what lies below the head stays as it is, for as long as the epoch does."""
    headers = {"Vary": _VARY}
    if not lasting:
        return headers
    fresh = "no-cache" if epoch is None else "max-age=31536000, immutable"
    return {**headers, "ETag": f'"{digest(body).hex()[:32]}"', "Cache-Control": f"private, {fresh}"}


_DOC = (
    "Always 200, also when there is nothing. Events come in order; without a filter none is left out from "
    "since + 1 on: whoever sees a hole must stop. next is the highest sequence that was examined; passing it "
    "as since neither skips nor repeats. head is from the same snapshot. wait begins only when nothing is "
    "left to read. next_digest is the identity of the event at next, a digest of its whole row: given as "
    "since_digest with the next request it makes sure that the log is still the one that was read, whatever "
    "the filter. Filters: any of the values of one name, all of the names. A page has at most limit events "
    "and 4 MiB, with a filter it looks at 10,000 events at most. As application/cbor-seq: the events alone "
    "(RFC 8742), each a map of its columns with the exact payload; next, next_digest and has_more are in the "
    "headers. Retry-After: too many wait, so this request did not. Pages that end below the head have an "
    "ETag. As text/event-stream: the events from there on as Server-Sent Events, for as long as the client "
    f"stays; data is an event, id the cursor behind it. Every {PING_SECONDS:g} s something is sent, were it "
    "a comment, or an id without data, behind what a filter left out. An event named refused has the problem "
    "for which a stream ends. until and wait are for pages."
)

FEED = Endpoint(
    method="GET",
    path="/events",
    role=Role.READER,
    tag="feed",
    summary="Events after a cursor, in order; waits for the next if asked to",
    doc=_DOC,
    handle=_events,
    answer=record(
        "A page of the log.",
        log_id=maybe(ID),
        epoch=maybe(TEXT),
        events=array(ref("Event")),
        next=COUNT,
        next_digest=maybe(DIGEST),
        head=COUNT,
        has_more=BOOL,
    ),
    also={CBOR: _CBOR_SEQUENCE, SSE: {"type": "string"}},
    hears=(
        Parameter(
            "Last-Event-ID",
            Text(max=88),
            "for a stream: id of the last event that was seen, in place of since and since_digest",
        ),
    ),
    query=(
        Parameter(
            "since",
            Text(max=16, pattern=f"^({_SINCE.pattern})$"),
            "sequence after which to begin, or head: only what is appended from now on",
            default="0",
        ),
        Parameter("limit", Int(min=1, max=1000), "events of the page", default=1000),
        Parameter("wait", Int(max=MAX_WAIT), "seconds to wait when there is nothing yet", default=0),
        Parameter("until", Int(), "last sequence to deliver, inclusive"),
        Parameter(
            "event_type",
            Text(enum=(*EVENT_TYPES, *GROUPS)),
            "only events of this type, or of a group such as v1.retention.*",
            repeatable=True,
        ),
        Parameter("subject_kind", _KINDS, "only events about this kind", repeatable=True),
        Parameter("subject_id", Id(), "only events about this subject", repeatable=True),
        Parameter("actor", Text(max=255), "only events of this actor", repeatable=True),
        _EPOCH_PARAMETER,
        Parameter(
            "since_digest",
            Text(max=71),
            "identity of the event that the client saw at since, as next_digest and the header "
            "Artifactstore-Digest tell it (sha256:…): 409 diverged if another event is there now. A "
            "payload_digest (blake3:…) is taken too, but other events may have it as well; without "
            "either word, it may be both",
        ),
        MIN_SEQUENCE,
    ),
    etag=True,
    may_have=(
        "ETag", "Retry-After", "Cache-Control", "Vary", "Artifactstore-Next", "Artifactstore-Next-Digest",
        "Artifactstore-Has-More", "X-Accel-Buffering",
    ),
    refusals=_LOST,
)  # fmt: skip

ENDPOINTS = (
    FEED,
    Endpoint(
        method="GET",
        path="/events/{sequence}",
        role=Role.READER,
        tag="feed",
        summary="One event",
        handle=_event,
        answer=ref("Event"),
        also={CBOR: _CBOR_SEQUENCE},
        path_parameters=(Parameter("sequence", Int(min=1), "number of the event"),),
        query=(_EPOCH_PARAMETER, MIN_SEQUENCE),
        doc="Artifactstore-Digest is the identity of the event: since_digest for going on after it.",
        etag=True,
        may_have=("Cache-Control", "Vary", "Artifactstore-Digest"),
        refusals=("not-found", "epoch-mismatch"),
    ),
)
