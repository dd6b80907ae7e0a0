"""Allowed events about files and their locations."""

from artifactstore.events import models
from tests.property.proposing import proposes
from tests.property.world import PATHS, PLACES, WHY, Copy, File, Proposal, World, bypass_for, destructible


def _digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


@proposes("v1.file.ingested")
def ingested(world: World) -> Proposal | None:
    package = world.pick([one for one in world.packages if one.state == "open"])
    taken = {file.path for file in package.live_files()} if package else set()
    free = [path for path in PATHS if path not in taken]
    if package is None or not free:
        return None
    size = world.rng.choice((0, 1, 4096, 2**45))
    file = File(
        world.upcoming("file"), package, world.rng.choice(free[:3]), size, _digest(world.rng.randrange(4)), 0
    )
    places = world.rng.sample(PLACES, world.rng.choice((0, 1, 1, 2)))
    ids = [world.fresh("storage") for _ in places]
    file.copies = [Copy(one, file, *place) for one, place in zip(ids, places, strict=True)]
    event = models.FileIngested(
        package_id=package.id,
        path=file.path,
        size=size,
        blake3=file.blake3,
        sha256=world.rng.choice((None, _digest(5))),
        media_type=world.rng.choice((None, "text/plain")),
        locations=tuple(
            models.Location(location_id=copy.id, backend=copy.backend, uri=copy.uri) for copy in file.copies
        )
        or world.rng.choice((None, ())),
    )

    def apply() -> None:
        world.fresh("file")
        file.last_sequence = world.sequence
        package.files.append(file)
        world.focus_package, world.focus_file = package, file

    return Proposal(event, file.id, apply)


@proposes("v1.file.removed")
def removed(world: World) -> Proposal | None:
    file = world.pick(
        [
            file
            for package in world.packages
            if package.state == "open" and destructible(world, package)
            for file in package.live_files()
        ]
    )
    if file is None:
        return None

    def apply() -> None:
        file.lose()
        file.removed = True
        file.last_sequence = world.sequence

    event = models.FileRemoved(
        package_id=file.package.id, reason=WHY, bypass_governance=bypass_for(world, file.package)
    )
    return Proposal(event, file.id, apply)


@proposes("v1.storage.registered")
def registered(world: World) -> Proposal | None:
    file = world.pick([one for one in world.files() if one.live])
    if file is None:
        return None
    taken = {(copy.backend, copy.uri) for copy in file.copies if copy.state != "retired"}
    free = [place for place in PLACES if place not in taken]
    if not free:
        return None
    copy = Copy(world.upcoming("storage"), file, *world.rng.choice(free))
    event = models.StorageRegistered(
        package_id=file.package.id,
        file_id=file.id,
        backend=copy.backend,
        uri=copy.uri,
        size=file.size,
        blake3=file.blake3,
    )

    def apply() -> None:
        world.fresh("storage")
        file.copies.append(copy)
        world.focus_file = file

    return Proposal(event, copy.id, apply)


def _check(
    world: World, event_type: type[models.StorageVerified] | type[models.StorageFailed]
) -> Proposal | None:
    copy = world.pick([one for one in world.copies() if one.state != "retired"])
    if copy is None:
        return None
    event: models.Event
    if event_type is models.StorageVerified:
        state = "verified"
        event = models.StorageVerified(
            package_id=copy.file.package.id,
            file_id=copy.file.id,
            method=world.rng.choice(("full_read", "backend_checksum")),
        )
    else:
        state = "failed"
        event = models.StorageFailed(
            package_id=copy.file.package.id,
            file_id=copy.file.id,
            failure=world.rng.choice(("missing", "size_mismatch")),
            observed_size=world.rng.choice((None, 3)),
        )

    def apply() -> None:
        if copy.state != "retiring":
            copy.state = state
        world.focus_file = copy.file

    return Proposal(event, copy.id, apply)


@proposes("v1.storage.verified")
def verified(world: World) -> Proposal | None:
    return _check(world, models.StorageVerified)


@proposes("v1.storage.failed")
def failed(world: World) -> Proposal | None:
    return _check(world, models.StorageFailed)


def retire_of(copy: Copy, outcome: str = "deleted") -> models.StorageRetired:
    """The event that retires a location."""
    file = copy.file
    return models.StorageRetired(package_id=file.package.id, file_id=file.id, outcome=outcome, reason=WHY)


def may_retire(copy: Copy) -> bool:
    """True if it is not the last good copy of a live file, nor retired."""
    return copy.state in ("retiring", "failed") or (copy.state != "retired" and copy.file.good_copies() > 1)


def retiring_of(copy: Copy) -> models.StorageRetiring:
    """The event that says a location is to go."""
    return models.StorageRetiring(package_id=copy.file.package.id, file_id=copy.file.id, reason=WHY)


@proposes("v1.storage.retiring")
def retiring(world: World) -> Proposal | None:
    stay = [one for one in world.copies() if one.state not in ("retiring", "retired") and may_retire(one)]
    copy = world.pick([one for one in stay if not world.last_to_stay(one)])
    if copy is None:
        return None

    def apply() -> None:
        copy.state = "retiring"
        world.focus_file = copy.file

    return Proposal(retiring_of(copy), copy.id, apply)


@proposes("v1.storage.retired")
def retired(world: World) -> Proposal | None:
    copy = world.pick([one for one in world.copies() if may_retire(one)])
    if copy is None:
        return None
    outcome = "not_found"
    if not world.last_protected(copy):
        outcome = world.rng.choice(
            ("not_found", "detached") if world.claims(copy) else ("deleted", "deleted", "detached")
        )

    def apply() -> None:
        copy.state = "retired"
        world.focus_file = copy.file

    return Proposal(retire_of(copy, outcome), copy.id, apply)
