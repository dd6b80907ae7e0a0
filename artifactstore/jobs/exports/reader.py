"""Reading an export, and checking it on the way."""

from collections.abc import Iterator
from datetime import UTC, datetime
from time import monotonic
from typing import BinaryIO

from blake3 import blake3

from artifactstore.codec import Problem
from artifactstore.errors import BadInput
from artifactstore.jobs.exports.check import CLOCK_TOLERANCE, Chain
from artifactstore.jobs.exports.items import Item, ItemReader, damaged
from artifactstore.jobs.exports.rows import Header, Summary, Trailer, decode_event
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.store import LoggedEvent

_ARRAY, _MAP = 4, 5
_REPORT_EVERY = 5_000


class ExportReader:
    """An export as it is read: first ``header``, then the events.

    Attributes:
        whole: all was read, and it is whole.

    Args:
        stream: of bytes, at the beginning of the export; may be a pipe. Memory is bounded.

    Raises:
        Damaged: export-damaged, naming the byte (from 0) and, among the events, the sequence.
        BadInput: unknown-export for another version.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._reader = ItemReader(stream)
        self._items = iter(self._reader)
        self._chain: Chain | None = None
        self._hash = blake3()
        major_type = self._reader.major_type()
        if major_type is None:
            damaged("the file is empty", 0)
        if major_type != _MAP:
            damaged("not an export: it does not begin with a header", 0)
        item = next(self._items)
        self.header = _header(item)
        self._hash.update(item.data)
        self.whole = False

    @property
    def file_digest(self) -> bytes:
        """BLAKE3 of what was read so far; after the events, that of the trailer."""
        return self._hash.digest()

    @property
    def identity(self) -> bytes | None:
        """Identity of the last event that was read; before the first one, what the header says."""
        return self.header.before if self._chain is None else self._chain.identity

    @property
    def bytes_read(self) -> int:
        """Bytes of the items that were read."""
        return self._reader.offset

    def events(self, *, content: bool = True) -> Iterator[LoggedEvent]:
        """All events, each checked; ends after the trailer is.

        Args:
            content: check every payload against its type; see ``Chain``.

        Raises:
            Damaged, BadInput: as the reader, and unknown-event-type.
        """
        chain = self._chain = Chain(self.header, content)
        self._reader.sequence = chain.expected
        for item in self._items:
            if item.data[0] >> 5 == _MAP:
                self._end(item, chain)
                return
            event = self._event(item, chain)
            self._hash.update(item.data)
            self._reader.sequence = chain.expected
            yield event
        missing = (
            f"the file ends without a trailer: events {chain.expected} to {self.header.last} are missing"
        )
        if chain.expected > self.header.last:
            damaged("the file ends without a trailer", self.bytes_read)
        damaged(missing, self.bytes_read, chain.expected)

    def _event(self, item: Item, chain: Chain) -> LoggedEvent:
        try:
            if item.data[0] >> 5 != _ARRAY:
                raise Problem("neither an event nor the trailer")
            event = decode_event(item.data)
            chain.check(event)
        except Problem as problem:
            damaged(problem.text, item.offset, chain.expected)
        except BadInput as refusal:
            raise BadInput(refusal.code, {**refusal.detail, "offset": item.offset}) from None
        return event

    def _end(self, item: Item, chain: Chain) -> None:
        try:
            chain.end()
            trailer = Trailer.decode(item.data)
            if trailer.digest != self._hash.digest():
                raise Problem("the digest of the trailer is not that of the file before it")
            if trailer.head != chain.header.last or trailer.count != trailer.head - chain.header.first + 1:
                raise Problem("the trailer counts other events than there are")
        except Problem as problem:
            damaged(problem.text, item.offset)
        self._reader.sequence = None
        for after in self._items:
            damaged("bytes after the trailer", after.offset)
        self.whole = True


def _header(item: Item) -> Header:
    try:
        return Header.decode(item.data)
    except Problem as problem:
        damaged(problem.text, item.offset)


def verify_export(stream: BinaryIO, *, content: bool = True, progress: Progress = quiet) -> Summary:
    """Read an export to its end and check everything in it; raises what ``ExportReader`` does."""
    started = monotonic()
    reader = ExportReader(stream)
    header, done, ahead = reader.header, 0, None
    latest = datetime.now(UTC) + CLOCK_TOLERANCE
    total = header.last - header.first + 1
    for event in reader.events(content=content):
        done = event.sequence - header.first + 1
        if ahead is None and event.created_at > latest:
            ahead = event.sequence
        if done % _REPORT_EVERY == 0:
            progress("checking the export", done, total)
    progress("checking the export", total, total)
    seconds = monotonic() - started
    return Summary(header, total, reader.identity, reader.file_digest, reader.bytes_read, seconds, ahead)
