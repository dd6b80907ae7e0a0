"""Pages of events as they are sent, and who wants which form."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from artifactstore.feed import MAX_BYTES
from artifactstore.http.feed.encoding import ENCODE, JSON, Form, digest_text
from artifactstore.http.web.json import render
from artifactstore.http.web.negotiation import weights
from artifactstore.leaves import columns
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


def compose(
    entries: Iterable[EntryT],
    encode: Callable[[EntryT], bytes],
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
    """A page of the first entries, at most ``limit`` and ``MAX_BYTES``, but one at least.

    Args:
        encode: makes the bytes of an entry in the form.
        examined: ``next`` of the page if it takes all entries. end: see ``feed.Page``.
        at: gives the event at ``next`` when that is none of the entries.
        full: whether a page of all entries is full although it has fewer than ``limit``.
    """
    parts: list[bytes] = []
    size = 0
    last: EntryT | None = None
    for entry in entries:
        part = encode(entry)
        size += len(part)
        if last is not None and (len(parts) == limit or size > MAX_BYTES):
            full, examined = True, last.sequence
            break
        parts.append(part)
        last = entry
    full = full or len(parts) == limit
    if examined and (last is None or last.sequence != examined):
        last = at(examined)
    next_digest = last.identity if examined and last is not None else None
    if form == JSON:
        body = _json_page(parts, examined, next_digest, examined < end, position)
    else:
        body = b"".join(parts)
    return Answered(form, body, len(parts), full, examined, next_digest, end, position, source)


def preferred(accept: str | None, forms: Sequence[Form]) -> Form:
    """The form that an Accept header asks for by name (RFC 9110, 12.5.1); of several equal ones the first."""
    asked = weights(accept)
    return max(forms, key=lambda form: asked.get(form, 0.0))


def _json_page(
    events: list[bytes], examined: int, next_digest: bytes | None, has_more: bool, position: Position
) -> bytes:
    head = render({"log_id": position.log_id, "epoch": position.epoch_name})[:-1]
    more = b"true" if has_more else b"false"
    digest = render(None if next_digest is None else digest_text(next_digest))
    return b'%s,"events":[%s],"next":%d,"next_digest":%s,"head":%d,"has_more":%s}' % (
        head, b",".join(events), examined, digest, position.head, more,
    )  # fmt: skip
