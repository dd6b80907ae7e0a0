"""Put an export into a database: all of it, in one transaction, or nothing."""

from dataclasses import replace
from time import monotonic
from typing import BinaryIO

from artifactstore.errors import Damaged, Refused, translated
from artifactstore.jobs.batches import in_batches
from artifactstore.jobs.exports.reader import ExportReader, verify_export
from artifactstore.jobs.exports.rows import Header, Summary
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.leaves import identity
from artifactstore.store import Store

_BATCH_EVENTS = 10_000
_BATCH_BYTES = 16 << 20


def import_log(
    store: Store, stream: BinaryIO, *, allow_future: bool = False, progress: Progress = quiet
) -> Summary:
    """Append the rows of an export exactly as they are, and project them.

    The log must be empty, or end where the export begins: same log, and its last event the one that the
    header names. The export is read twice: to its end before the first row is written, so that a
    slow or damaged file holds no lock; then under the lock.

    Args:
        stream: a file, or what ``spooled`` makes of a pipe.
        allow_future: also events that are ahead of the clock of the database; not if they destroy.

    Raises:
        Damaged: export-damaged, or log-damaged. BadInput: unknown-export, unknown-event-type.
        Refused: no-continuation, moved, or what a projector says to an event.
        Busy: somebody appends; clock-behind for an event ahead of the clock; views-behind. Forbidden.
            Nothing was changed then.
    """
    started = monotonic()
    begin = stream.tell()
    check_continuation(store, ExportReader(stream).header)
    stream.seek(begin)
    # The database judges every payload when it projects; reading them all here would take as long again.
    verified = verify_export(stream, content=False, progress=progress)
    stream.seek(begin)
    with translated(), store.connection.transaction():
        _write(store, stream, verified, allow_future, progress)
    return replace(verified, seconds=monotonic() - started)


def check_continuation(store: Store, header: Header) -> None:
    """Refuse early, without lock, what ``import_events`` would refuse under it; raises ``Refused``."""
    head = store.log.head()
    if head + 1 != header.first:
        hint = (
            None
            if head == 0
            else f"artifactstore export --from {head + 1} makes the part that is missing here"
        )
        problem = f"this log ends at {head}, the export begins at {header.first}"
        raise Refused("no-continuation", {"problem": problem, "head": head, "from": header.first}, hint)


def _write(store: Store, stream: BinaryIO, verified: Summary, allow_future: bool, progress: Progress) -> None:
    reader = ExportReader(stream)
    header, before = reader.header, reader.header.before
    events = reader.events(content=False)
    for batch in in_batches(events, _BATCH_EVENTS, lambda event: len(event.payload), _BATCH_BYTES):
        store.imports.import_events(header.log_id, before, header.last, batch, allow_future=allow_future)
        before = identity(batch[-1])
        progress("importing", batch[-1].sequence - header.first + 1, verified.count)
    if not reader.whole or reader.file_digest != verified.digest:
        raise Damaged("export-damaged", {"problem": "the file changed while it was imported"})
