"""The newest events of the log, as this process last saw them."""

from collections.abc import Iterable, Sequence

from artifactstore.http.feed.encoding import Form
from artifactstore.http.feed.representation import Answered, SharedEvent, compose, pack
from artifactstore.store import EventFilter, LoggedEvent, PageQuery, Position

MAX_EVENTS = 2_000
_MAX_BYTES = 16 * 1024 * 1024
_ENTRY_BYTES = 2_000
_PAGES = 100


class Ring:
    """Consecutive events up to ``last``; only the newest are kept, by number and by bytes.

    Attributes:
        position: where the log stood when it was last read; None: never, or what was held is no longer so.
        last: highest sequence held. base: sequence before the first one held.
    """

    def __init__(self) -> None:
        self.position: Position | None = None
        self.base = 0
        self.last = 0
        self._entries: list[SharedEvent] = []
        self._bytes = 0
        self._pages: dict[tuple[PageQuery, Form], Answered] = {}

    @property
    def newest(self) -> LoggedEvent | None:
        """The event at ``last``."""
        return self._entries[-1].event if self._entries else None

    def reaches(self, since: int) -> bool:
        """Whether the event at ``since`` is held, or comes after those that are."""
        return since > self.base or since == self.base == 0

    def covers(self, since: int) -> bool:
        """Whether the event at ``since`` and everything after it that this process has seen are held."""
        return self.position is not None and self.reaches(since) and since <= self.last

    def entry(self, sequence: int) -> SharedEvent | None:
        """An event that is held."""
        if not self.base < sequence <= self.last:
            return None
        return self._entries[sequence - self.base - 1]

    def page(self, query: PageQuery, form: Form) -> Answered | None:
        """The page, None when it begins before or after what is held."""
        if self.position is None or not self.covers(query.since):
            return None
        # Many wait at the same place: what one is answered is for all of them.
        page = self._pages.get((query, form))
        if page is None:
            page = self._compose(self.position, query, form)
            if len(self._pages) < _PAGES:
                self._pages[query, form] = page
        return page

    def _compose(self, position: Position, query: PageQuery, form: Form) -> Answered:
        end = query.end(position.head)
        examined = max(query.since, min(end, self.last))
        entries = self._entries[query.since - self.base : examined - self.base]
        chosen = _chosen(entries, query.where)
        return compose(
            pack(chosen, lambda entry: entry.encoded(form), form, query.limit),
            form,
            limit=query.limit,
            examined=examined,
            end=end,
            position=position,
            source="memory",
            at=lambda sequence: self._entries[sequence - self.base - 1],
        )

    def extend(self, position: Position, events: Sequence[LoggedEvent]) -> None:
        """Add the events that follow ``last``."""
        if events or position != self.position:
            self._pages.clear()
        self.position = position
        for event in events:
            self._entries.append(SharedEvent(event))
            self._bytes += _weight(event)
            self.last = event.sequence
        surplus = 0
        # One more than is read at once: the event before those tells whether a client goes on from there.
        while len(self._entries) - surplus > MAX_EVENTS + 1 or self._bytes > _MAX_BYTES:
            self._bytes -= _weight(self._entries[surplus].event)
            surplus += 1
        del self._entries[:surplus]
        self.base += surplus

    def reset(self, position: Position, events: Sequence[LoggedEvent]) -> None:
        """Hold these events instead."""
        self.clear()
        self.base = self.last = events[0].sequence - 1 if events else position.head
        self.extend(position, events)

    def clear(self) -> None:
        """Hold nothing, know nothing."""
        self.position = None
        self._entries.clear()
        self._pages.clear()
        self._bytes = self.base = self.last = 0


def _chosen(entries: Iterable[SharedEvent], where: EventFilter) -> Iterable[SharedEvent]:
    return (entry for entry in entries if where.matches(entry.event)) if where else entries


def _weight(event: LoggedEvent) -> int:
    """Bytes that an event takes: as stored, and in each form, those with JSON being up to twice as long."""
    return _ENTRY_BYTES + 6 * len(event.payload)
