"""Replace bad copies by good ones from elsewhere.

1. The bytes of a good copy, hashed on their way, become a new object of the store; or one that is known is
shared. Where there is no good copy, what was there before somebody wrote over the bad one is tried.
2. In one append the new copy is registered, and the bad one is ``retiring``, or retired where it is missing.

An interruption between 1 and 2 leaves an orphan, and the next pass begins anew. What is retiring goes as
all that is removed, in its time. Where there is no good copy, nothing is deleted, and somebody is told.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from artifactstore.errors import Refused
from artifactstore.events import NewEvent, StorageRegistered, StorageRetired, StorageRetiring, new_id
from artifactstore.jobs.content import FileContent, Sources
from artifactstore.jobs.copying import Pieces, copy_large, copy_small
from artifactstore.jobs.keeper.work import ACTOR, KeeperJob
from artifactstore.jobs.uploads.budget import MemoryBudget
from artifactstore.jobs.uploads.parts import IN_FLIGHT
from artifactstore.store import Row
from artifactstore.stores.base import SMALL, KeepsVersions, part_size
from artifactstore.stores.faults import fault
from artifactstore.stores.keys import key_in, uri_of

_ROWS = 200
_PARTS_BYTES = 64 * 1024 * 1024


def repair(work: KeeperJob, sources: Sources) -> None:
    """Replace what failed in a store; what has no good copy is told.

    Raises what the store refuses as a whole, and as ``Store.append``; what was replaced stays so.
    """
    after: UUID | None = None
    while not work.stopping.is_set():
        rows = work.store.keeping.to_repair(work.name, after, _ROWS)
        if not rows:
            break
        for row in rows:
            if work.stopping.is_set():
                break
            after = row["location_id"]
            work.count("bad")
            if not work.dry_run:
                _replace(work, sources, row)
            work.progress("repairing", work.tally.counts["bad"], 0, "copies")


def _replace(work: KeeperJob, sources: Sources, row: Row) -> None:
    """Give a file a good copy in place of a bad one."""
    uri = None
    if all(copy["backend"] != work.name for copy in row["copies"]):
        uri = _known(work, row) or _copied(work, sources, row)
        if uri is None:
            work.count("lost")
            work.tell("lost", f"no good copy of {row['path']} of {row['purl']} is left that can be read here")
            return
    fault("repair.stored")
    results = work.append(list(_events(work, row, uri)))
    fault("repair.recorded")
    work.count("repaired", not any(isinstance(one, Refused) for one in results))


def _known(work: KeeperJob, row: Row) -> str | None:
    """A good object of the same content that the store has."""
    if not work.settings.dedupe:
        return None
    (uri,) = work.store.objects.known(work.name, [(row["blake3"], row["size"])])
    return uri


def _copied(work: KeeperJob, sources: Sources, row: Row) -> str | None:
    """The URI of a new object, durable, with the bytes of a copy that is good; None if none is."""
    (key,) = work.store.objects.new_keys(1)
    if _written(work, FileContent(sources, row), key):
        return uri_of(key)
    if _written(work, FileContent(sources, row, _before(work, row)), key):
        work.count("earlier_versions")
        return uri_of(key)
    return None


def _before(work: KeeperJob, row: Row) -> list[Row]:
    """What was there under the key of a bad copy before it became bad, where the store keeps that."""
    key = key_in(row["uri"])
    if key is None or not isinstance(work.place, KeepsVersions):
        return []
    bad = {name: row[name] for name in ("location_id", "uri", "changed_sequence")}
    return [
        {**bad, "backend": work.name, "state": "failed", "version": version}
        for version in work.place.versions(key)
    ]


def _written(work: KeeperJob, content: FileContent, key: str) -> bool:
    """Whether the content, from a copy that is good, is durable under a key; bad copies are recorded."""
    row = content.file

    def pieces(content: FileContent) -> Iterator[bytes]:
        for piece in content.pieces():
            work.bytes.spend(len(piece))
            yield piece

    if row["size"] <= SMALL:
        good = copy_small(content, key, work.place.put, pieces)
    else:
        good = _large(work, content, key, pieces)
    found = [(bad.copy, event) for bad in content.bad if (event := bad.event(row)) is not None]
    if found:
        work.append(
            [NewEvent(event, copy["location_id"], ACTOR, copy["changed_sequence"]) for copy, event in found]
        )
    if good:
        work.place.settle([key])
    return good


def _large(work: KeeperJob, content: FileContent, key: str, pieces: Pieces) -> bool:
    budget = MemoryBudget(max(_PARTS_BYTES, 2 * part_size(content.file["size"])))
    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="parts") as pool:
        return copy_large(content, key, work.place, pool, budget, pieces)


def _events(work: KeeperJob, row: Row, uri: str | None) -> Iterator[NewEvent]:
    """A new copy, if one was made, and what becomes of the bad one."""
    package, file = row["package_id"], row["file_id"]
    if uri is not None:
        registered = StorageRegistered(
            package_id=package,
            file_id=file,
            backend=work.name,
            uri=uri,
            size=row["size"],
            blake3=row["blake3"],
            reason="keeper: repair",
        )
        yield NewEvent(registered, new_id(), ACTOR)
    reason = f"keeper: repair of a copy that is bad ({row['failure']})"
    gone: StorageRetired | StorageRetiring
    if row["failure"] == "missing":
        gone = StorageRetired(package_id=package, file_id=file, outcome="not_found", reason=reason)
    else:
        gone = StorageRetiring(package_id=package, file_id=file, reason=reason)
    yield NewEvent(gone, row["location_id"], ACTOR, row["changed_sequence"])
