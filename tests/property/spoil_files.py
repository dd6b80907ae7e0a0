"""Refused events about files and their locations."""

from collections.abc import Callable, Mapping
from typing import Any

from artifactstore import events as ev
from tests.property.propose_files import may_retire, retire_of, retiring_of
from tests.property.spoilers import Fields, Maker, Spoiler, other_package, redirect, tweak, upcoming
from tests.property.world import WHY, Copy, File, World, bypass_for

BAD_PATHS = ("/a", "a/", "a//b", ".", "..", "./a", "a/../b", "a/.", "a\x01b", "a\x1f", "\x7f", "a\n")


def _ingest_elsewhere(world: World, _: Any) -> Fields | None:
    package = world.pick([one for one in world.packages if one.state != "open"])
    return None if package is None else {"package_id": package.id}


def _taken_path(world: World, event: Any) -> Fields | None:
    file = world.pick(
        [one for one in world.files() if not one.removed and one.package.id == event.package_id]
    )
    return None if file is None else {"path": file.path}


def _taken_file(world: World) -> Any:
    file = world.pick(world.files())
    return None if file is None else file.id


def _place(world: World, uri: str) -> ev.Location:
    return ev.Location(location_id=world.upcoming("storage"), backend="s3", uri=uri)


def _taken_location(world: World, _: Any) -> Fields | None:
    copy = world.pick(world.copies())
    if copy is None:
        return None
    return {"locations": (ev.Location(location_id=copy.id, backend="new", uri="u"),)}


def _one_id_twice(world: World, _: Any) -> Fields:
    return {"locations": (_place(world, "one"), _place(world, "two"))}


def _one_place_twice(world: World, _: Any) -> Fields:
    ids = (world.fresh("storage"), world.fresh("storage"))
    return {"locations": tuple(ev.Location(location_id=one, backend="s3", uri="u") for one in ids)}


def _remove(file: File | None, code: str, bypass: bool | None = True) -> Spoiler | None:
    if file is None:
        return None
    event = ev.FileRemoved(package_id=file.package.id, reason=WHY, bypass_governance=bypass)
    return Spoiler(event, file.id, code)


def _remove_not_open(world: World) -> Spoiler | None:
    files = [one for one in world.files() if one.package.state != "open"]
    return _remove(world.pick(files), "not-open")


def _remove_again(world: World) -> Spoiler | None:
    files = [one for one in world.files() if one.package.state == "open" and one.removed]
    return _remove(world.pick(files), "gone")


def _remove_held(world: World) -> Spoiler | None:
    files = [one for one in world.files() if one.package.state == "open" and not one.removed]
    return _remove(world.pick([one for one in files if one.package.held()]), "legal-hold")


def _remove_retained(mode: str) -> Maker:
    def make(world: World) -> Spoiler | None:
        files = [
            file
            for one in world.packages
            if one.state == "open" and not one.held() and one.retained(world.now) and one.mode == mode
            for file in one.live_files()
        ]
        bypass = True if mode == "compliance" else world.rng.choice((None, False))
        return _remove(world.pick(files), "retention-active", bypass)

    return make


def _remove_elsewhere(world: World) -> Spoiler | None:
    file = world.pick(world.files())
    other = None if file is None else other_package(world, file.package.id)
    if file is None or other is None:
        return None
    event = ev.FileRemoved(package_id=other, reason=WHY, bypass_governance=bypass_for(world, file.package))
    return Spoiler(event, file.id, "wrong-package")


def _register(
    world: World, file: File | None, code: str, *, uri: str = "new", **fields: Any
) -> Spoiler | None:
    if file is None:
        return None
    values: Fields = {"package_id": file.package.id, "size": file.size, "blake3": file.blake3}
    values |= {"backend": "s3"} | fields
    subject = values.pop("subject_id", world.upcoming("storage"))
    return Spoiler(ev.StorageRegistered(file_id=file.id, uri=uri, **values), subject, code)


def _register_elsewhere(world: World) -> Spoiler | None:
    file = world.pick(world.files())
    other = None if file is None else other_package(world, file.package.id) or world.upcoming("package")
    return _register(world, file, "wrong-package", package_id=other)


def _register_gone(world: World) -> Spoiler | None:
    return _register(world, world.pick([one for one in world.files() if not one.live]), "gone")


def _register_other_size(world: World) -> Spoiler | None:
    file = world.pick([one for one in world.files() if one.live])
    return None if file is None else _register(world, file, "digest-mismatch", size=file.size + 1)


def _register_other_bytes(world: World) -> Spoiler | None:
    file = world.pick([one for one in world.files() if one.live])
    return _register(world, file, "digest-mismatch", blake3=b"\xff" * 32)


def _register_taken_id(world: World) -> Spoiler | None:
    copy = world.pick(world.copies())
    file = world.pick([one for one in world.files() if one.live])
    return None if copy is None else _register(world, file, "id-taken", subject_id=copy.id)


def _register_taken_place(world: World) -> Spoiler | None:
    copy = world.pick([one for one in world.copies() if one.file.live and one.state != "retired"])
    if copy is None:
        return None
    return _register(world, copy.file, "location-taken", uri=copy.uri, backend=copy.backend)


def _retired_of(event_type: str) -> Maker:
    def make(world: World) -> Spoiler | None:
        copy = world.pick([one for one in world.copies() if one.state == "retired"])
        if copy is None:
            return None
        place: Fields = {"package_id": copy.file.package.id, "file_id": copy.file.id}
        event: ev.Event = retire_of(copy)
        if event_type == "verified":
            event = ev.StorageVerified(**place, method="full_read")
        elif event_type == "failed":
            event = ev.StorageFailed(**place, failure="unreachable")
        elif event_type == "retiring":
            event = retiring_of(copy)
        return Spoiler(event, copy.id, "retired")

    return make


def _give_up_last(event: Callable[[Copy], ev.Event]) -> Maker:
    def make(world: World) -> Spoiler | None:
        copies = [one for one in world.copies() if one.state in ("registered", "verified")]
        copy = world.pick([one for one in copies if one.file.good_copies() == 1])
        return None if copy is None else Spoiler(event(copy), copy.id, "last-good-copy")

    return make


def _retiring_again(world: World) -> Spoiler | None:
    copy = world.pick([one for one in world.copies() if one.state == "retiring"])
    return None if copy is None else Spoiler(retiring_of(copy), copy.id, "no-change")


def _delete_needed(fits: Callable[[Copy, Copy], bool]) -> Maker:
    def make(world: World) -> Spoiler | None:
        copies = [one for one in world.copies() if may_retire(one) and not world.last_protected(one)]
        copy = world.pick([one for one in copies if any(fits(one, other) for other in world.claims(one))])
        return None if copy is None else Spoiler(retire_of(copy), copy.id, "bytes-needed")

    return make


def _give_up_protected(code: str, mode: str = "", *, to_go: bool = False) -> Maker:
    def make(world: World) -> Spoiler | None:
        last = world.last_to_stay if to_go else world.last_protected
        copies = [one for one in world.copies() if one.state == "failed" and last(one)]
        copy = world.pick(
            [
                one
                for one in copies
                if (one.file.package.held() if not mode else not one.file.package.held())
                and mode in ("", one.file.package.mode)
            ]
        )
        if copy is None:
            return None
        if to_go:
            return Spoiler(retiring_of(copy), copy.id, code)
        return Spoiler(retire_of(copy, world.rng.choice(("deleted", "detached"))), copy.id, code)

    return make


FILE_SPOILERS: Mapping[str, Maker] = {
    "file.ingested not-found": tweak(
        "v1.file.ingested", "not-found", lambda world, _: {"package_id": world.upcoming("package")}
    ),
    "file.ingested not-open": tweak("v1.file.ingested", "not-open", _ingest_elsewhere),
    **{
        f"file.ingested bad-path, {path!a}": tweak(
            "v1.file.ingested", "bad-path", lambda *_, path=path: {"path": path}
        )
        for path in BAD_PATHS
    },
    "file.ingested path-taken": tweak("v1.file.ingested", "path-taken", _taken_path),
    "file.ingested id-taken": redirect("v1.file.ingested", "id-taken", _taken_file),
    "file.ingested id-taken, location": tweak("v1.file.ingested", "id-taken", _taken_location),
    "file.ingested id-taken, location twice": tweak("v1.file.ingested", "id-taken", _one_id_twice),
    "file.ingested location-taken": tweak("v1.file.ingested", "location-taken", _one_place_twice),
    "file.removed not-found": redirect("v1.file.removed", "not-found", upcoming("file")),
    "file.removed not-found, package": tweak(
        "v1.file.removed", "not-found", lambda world, _: {"package_id": world.upcoming("package")}
    ),
    "file.removed wrong-package": _remove_elsewhere,
    "file.removed not-open": _remove_not_open,
    "file.removed gone": _remove_again,
    "file.removed legal-hold": _remove_held,
    "file.removed retention-active, governance": _remove_retained("governance"),
    "file.removed retention-active, compliance": _remove_retained("compliance"),
    "storage.registered not-found": tweak(
        "v1.storage.registered", "not-found", lambda world, _: {"file_id": world.upcoming("file")}
    ),
    "storage.registered wrong-package": _register_elsewhere,
    "storage.registered gone": _register_gone,
    "storage.registered digest-mismatch, size": _register_other_size,
    "storage.registered digest-mismatch, bytes": _register_other_bytes,
    "storage.registered id-taken": _register_taken_id,
    "storage.registered location-taken": _register_taken_place,
    "storage.verified retired": _retired_of("verified"),
    "storage.failed retired": _retired_of("failed"),
    "storage.retired retired": _retired_of("retired"),
    "storage.retiring retired": _retired_of("retiring"),
    "storage.retiring no-change": _retiring_again,
    "storage.retiring last-good-copy": _give_up_last(retiring_of),
    "storage.retiring legal-hold": _give_up_protected("legal-hold", to_go=True),
    "storage.retiring retention-active, governance": _give_up_protected(
        "retention-active", "governance", to_go=True
    ),
    "storage.retiring retention-active, compliance": _give_up_protected(
        "retention-active", "compliance", to_go=True
    ),
    "storage.retired last-good-copy": _give_up_last(retire_of),
    "storage.retired bytes-needed, another package": _delete_needed(
        lambda one, other: one.file.package is not other.file.package
    ),
    "storage.retired bytes-needed, the same package": _delete_needed(
        lambda one, other: one.file.package is other.file.package
    ),
    "storage.retired bytes-needed, retiring": _delete_needed(
        lambda one, other: one.state == other.state == "retiring"
    ),
    "storage.retired legal-hold": _give_up_protected("legal-hold"),
    "storage.retired retention-active, governance": _give_up_protected("retention-active", "governance"),
    "storage.retired retention-active, compliance": _give_up_protected("retention-active", "compliance"),
}
