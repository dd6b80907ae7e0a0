"""What is appended to open packages: new files, each stored in one place."""

import os
from itertools import count
from uuid import UUID

from artifactstore.events import FileIngested, Location, NewEvent, PackageCreated, new_id
from artifactstore.store import Store

ACTOR = "user:bench"
_numbers = count(1)


def open_package(store: Store) -> UUID:
    """Append a package that nothing was put into yet; its id."""
    package = new_id()
    event = PackageCreated(purl=f"pkg:generic/bench/files-{os.getpid()}@{next(_numbers)}")
    store.writes.append([NewEvent(event, package, ACTOR)])
    return package


def new_files(package: UUID, number: int) -> list[NewEvent]:
    """So many v1.file.ingested, with both digests and one location; paths and digests are all different."""
    return [_new_file(package, next(_numbers)) for _ in range(number)]


def _new_file(package: UUID, number: int) -> NewEvent:
    strong, common = os.urandom(32), os.urandom(32)
    name = strong.hex()
    event = FileIngested(
        package_id=package,
        path=f"lib/component_{number % 89}/module_{number}.py",
        size=number % (1 << 20),
        blake3=strong,
        sha256=common,
        locations=(
            Location(
                location_id=new_id(),
                backend="s3-main",
                uri=f"s3://artifacts/{name[:2]}/{name[2:4]}/{name}",
            ),
        ),
    )
    return NewEvent(event, new_id(), ACTOR)
