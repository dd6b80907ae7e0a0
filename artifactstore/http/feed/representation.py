"""Pages of events as they are sent, and who wants which form."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from artifactstore.feed import MAX_BYTES
from artifactstore.http.feed.encoding import ENCODE, ENCODE_SOME, JSON, Form, digest_text
from artifactstore.http.web.json import render
from artifactstore.http.web.negotiation import weights
from artifactstore.leaves import Columns, columns
from artifactstore.store import LoggedEvent, Position


class Entry(Protocol):
    """What a page is made of."""

    @property
    def sequence(self) -> int:
        """Of the event."""

    @property
    def identity(self) -> bytes:
        """What tells it from every other event, 32 bytes."""


EntryT = TypeVar("EntryT", bound=Entry)

_ENCODED_TOGETHER = 100
"""Events: so many are in memory as values while a page is made."""


class SharedEvent:
    """An event with its identity and the forms that it was sent in, each made once, when it is asked for."""

    __slots__ = ("_forms", "_identity", "columns", "event")

    def __init__(self, event: LoggedEvent) -> None:
        self.event = event
        self.columns = columns(event)
        self._identity: bytes | None = None
        self._forms: dict[Form, bytes] = {}

    @property
    def sequence(self) -> int:
        """Of the event."""
        return self.event.sequence

    @property
    def identity(self) -> bytes:
        """What tells it from every other event, 32 bytes; see ``leaves.identity``."""
        if self._identity is None:
            self._identity = self.columns.identity
        return self._identity

    def encoded(self, form: Form) -> bytes:
        """The event in a form."""
        if form not in self._forms:
            self._forms[form] = ENCODE[form](self.columns)
        return self._forms[form]


@dataclass(frozen=True, slots=True)
class Answered:
    """A page in one form.

    Attributes:
        count: events in it. full: it holds as many events, or bytes, as it may.
        next, end: as in ``feed.Page``. source: where it was taken from.
        next_digest: identity of the event at ``next``, 32 bytes; None when that is 0.
        busy: too many wait, so this one did not.
    """

    form: Form
    body: bytes
    count: int
    full: bool
    next: int
    next_digest: bytes | None
    end: int
    position: Position
    source: Literal["memory", "database"]
    busy: bool = False

    @property
    def has_more(self) -> bool:
        """Whether there is more to examine now."""
        return self.next < self.end


@dataclass(frozen=True, slots=True)
class Packed(Generic[EntryT]):
    """The first entries in one form, as far as a page may hold them.

    Attributes:
        whole: whether these are all entries. last: the last of them, None for none.
    """

    body: bytes
    count: int
    last: EntryT | None
    whole: bool


def pack(
    entries: Iterable[EntryT], encode: Callable[[EntryT], bytes], form: Form, limit: int
) -> Packed[EntryT]:
    """At most ``limit`` entries and ``MAX_BYTES``, but one at least; ``encode`` makes the bytes of one."""
    parts: list[bytes] = []
    size = 0
    last: EntryT | None = None
    for entry in entries:
        part = encode(entry)
        size += len(part)
        if last is not None and (len(parts) == limit or size > MAX_BYTES):
            return Packed(_joined(parts, form), len(parts), last, whole=False)
        parts.append(part)
        last = entry
    return Packed(_joined(parts, form), len(parts), last, whole=True)


def pack_events(events: Sequence[Columns], form: Form, limit: int) -> Packed[Columns]:
    """The same of events, of which there are at most ``limit``; almost always all of them fit."""
    parts: list[bytes] = []
    size = 0
    for first in range(0, len(events), _ENCODED_TOGETHER):
        parts.append(ENCODE_SOME[form](events[first : first + _ENCODED_TOGETHER]))
        size += len(parts[-1])
        if size > MAX_BYTES:
            return pack(events, ENCODE[form], form, limit)
    return Packed(_joined(parts, form), len(events), events[-1] if events else None, whole=True)


def compose(
    packed: Packed[EntryT],
    form: Form,
    *,
    limit: int,
    examined: int,
    end: int,
    position: Position,
    source: Literal["memory", "database"],
    at: Callable[[int], EntryT],
    full: bool = False,
) -> Answered:
    """A page.

    Args:
        examined: ``next`` of the page if it has all entries. end: see ``feed.Page``.
        at: gives the event at ``next`` when that is none of the entries.
        full: whether a page of all entries is full although it has fewer than ``limit``.
    """
    last = packed.last
    if last is not None and not packed.whole:
        full, examined = True, last.sequence
    if examined and (last is None or last.sequence != examined):
        last = at(examined)
    next_digest = last.identity if examined and last is not None else None
    body = packed.body
    if form == JSON:
        body = _json_page(body, examined, next_digest, examined < end, position)
    full = full or packed.count == limit
    return Answered(form, body, packed.count, full, examined, next_digest, end, position, source)


def preferred(accept: str | None, forms: Sequence[Form]) -> Form:
    """The form that an Accept header asks for by name (RFC 9110, 12.5.1); of several equal ones the first."""
    asked = weights(accept)
    return max(forms, key=lambda form: asked.get(form, 0.0))


def _joined(parts: Iterable[bytes], form: Form) -> bytes:
    return (b"," if form == JSON else b"").join(parts)


def _json_page(
    events: bytes, examined: int, next_digest: bytes | None, has_more: bool, position: Position
) -> bytes:
    head = render({"log_id": position.log_id, "epoch": position.epoch_name})[:-1]
    more = b"true" if has_more else b"false"
    digest = render(None if next_digest is None else digest_text(next_digest))
    return b'%s,"events":[%s],"next":%d,"next_digest":%s,"head":%d,"has_more":%s}' % (
        head, events, examined, digest, position.head, more,
    )  # fmt: skip
