"""v1.file.ingested: the file and its inline locations, and every name that is refused."""

from dataclasses import replace
from uuid import UUID

import pytest

from artifactstore.events import FileIngested, FileRemoved, Location, PackageDeleted, new_id
from tests.sql.support import CONTENT, NOBODY, Log

SHA256 = bytes(range(32))


def ingested(package: UUID, path: str = "a", *locations: Location) -> FileIngested:
    """A file of three bytes."""
    return FileIngested(package_id=package, path=path, size=3, blake3=CONTENT, locations=locations or None)


def location(uri: str, location_id: UUID | None = None, backend: str = "file") -> Location:
    """An inline location."""
    return Location(location_id=location_id or new_id(), backend=backend, uri=uri)


def test_a_file_and_its_locations_are_made_and_the_package_is_not_touched(log: Log) -> None:
    package, file = log.package(), new_id()
    first, second = location("file:///a"), location("s3://b/a", backend="s3")
    event = FileIngested(
        package_id=package,
        path="dir/a.txt",
        size=0,
        blake3=CONTENT,
        sha256=SHA256,
        media_type="text/plain",
        locations=(first, second),
    )
    assert log.effect(file, event) == {
        "artifact_files": {
            file: {
                "file_id": file,
                "package_id": package,
                "path": "dir/a.txt",
                "size": 0,
                "blake3": CONTENT,
                "sha256": SHA256,
                "media_type": "text/plain",
                "state": "ingested",
                "ingested_at": log.time,
                "last_verified_at": None,
                "removed_at": None,
                "created_sequence": log.head,
                "last_sequence": log.head,
                "changed_sequence": log.head,
            }
        },
        "storage_locations": {
            one.location_id: {
                "location_id": one.location_id,
                "file_id": file,
                "package_id": package,
                "backend": one.backend,
                "uri": one.uri,
                "state": "registered",
                "failure": None,
                "checks": 0,
                "failures": 0,
                "registered_at": log.time,
                "last_checked_at": None,
                "last_verified_at": None,
                "retiring_at": None,
                "retired_at": None,
                "retire_outcome": None,
                "created_sequence": log.head,
                "last_sequence": log.head,
                "changed_sequence": log.head,
            }
            for one in (first, second)
        },
    }


@pytest.mark.parametrize("locations", [None, ()])
def test_a_file_needs_no_location(log: Log, locations: tuple[Location, ...] | None) -> None:
    package, file = log.package(), new_id()
    changes = log.effect(file, replace(ingested(package), locations=locations))
    assert list(changes) == ["artifact_files"]
    row = changes["artifact_files"][file]
    assert (row["sha256"], row["media_type"], row["state"]) == (None, None, "ingested")


def test_the_largest_size_is_kept_exactly(log: Log) -> None:
    package = log.package()
    for path in ("a", "b"):
        event = FileIngested(package_id=package, path=path, size=2**53 - 1, blake3=CONTENT)
        log.append(new_id(), event)
    assert log.value("SELECT sum(size) FROM artifactstore.artifact_files") == 2**54 - 2


def test_only_open_packages_take_files(log: Log) -> None:
    log.refused("not-open", new_id(), ingested(log.sealed("sealed"), "b"))
    log.refused("not-open", new_id(), ingested(log.purged("purged")))
    deleted = log.package("deleted")
    log.append(deleted, PackageDeleted(reason="old"))
    log.refused("not-open", new_id(), ingested(deleted))


def test_an_unknown_package_is_refused(log: Log) -> None:
    log.refused("not-found", new_id(), ingested(NOBODY))


@pytest.mark.parametrize(
    "path",
    [
        "/abs", "dir/", "a//b", ".", "..", "./a", "../../x", "a/./b", "a/../b", "a/.", "a/..", "/",
        "a\nb", "a\tb", "\x01", "a\x1f", "a\x7f", "a/..\n/..",
    ],
)  # fmt: skip
def test_rg10_paths_that_walk_or_hold_control_characters_are_refused(log: Log, path: str) -> None:
    assert log.refused("bad-path", new_id(), ingested(log.package(), path))


@pytest.mark.parametrize(
    "path",
    [
        " ", "...", "..a", "a..", ".hidden", "..\\x", "%2e%2e%2f", "CON", "trailing.", "trailing ",
        "a\u202eb",
        "\x80", "é", "a:b", "~", "-rf", "\U0001f600", "x" * 1024, "é" * 512,
    ],
)  # fmt: skip
def test_rg10_other_names_are_kept_verbatim(log: Log, path: str) -> None:
    file = new_id()
    log.append(file, ingested(log.package(), path))
    assert log.rows("artifact_files")[file]["path"] == path


def test_a_path_not_in_nfc_is_refused_by_the_door_alone(log: Log) -> None:
    package, file = log.package(), new_id()
    event = ingested(package, "e\u0301")
    with log.unchanged():
        log.failure("bad-path", lambda: log.append(file, event))
    log.append_at(log.time, file, event)
    assert log.rows("artifact_files")[file]["path"] == "e\u0301"


def test_a_live_path_is_taken(log: Log) -> None:
    package = log.package()
    log.file(package, "a")
    detail = log.refused("path-taken", new_id(), ingested(package, "a"))
    assert detail["path"] == "a"
    log.append(new_id(), ingested(package, "A"))
    log.append(new_id(), ingested(log.package("other"), "a"))


def test_rg08_a_path_is_free_after_removal_and_both_contents_stay_in_the_log(log: Log) -> None:
    package, second = log.package(), new_id()
    first = log.file(package, "a")
    log.append(first, FileRemoved(package_id=package, reason="wrong bytes"))
    other = FileIngested(package_id=package, path="a", size=3, blake3=SHA256)
    log.append(second, other)
    rows = log.rows("artifact_files")
    assert (rows[first]["state"], rows[first]["blake3"]) == ("removed", CONTENT)
    assert (rows[second]["state"], rows[second]["blake3"]) == ("ingested", SHA256)
    assert log.query(
        "SELECT payload ->> 'blake3' AS blake3 FROM artifactstore.event_log"
        " WHERE event_type = 'v1.file.ingested' ORDER BY sequence"
    ) == [{"blake3": CONTENT.hex()}, {"blake3": SHA256.hex()}]


def test_rg06_one_content_many_times_is_many_files(log: Log) -> None:
    packages = [log.package(name) for name in ("a", "b")]
    files = [log.file(package, path) for package in packages for path in ("x", "y")]
    assert {row["blake3"] for row in log.rows("artifact_files").values()} == {CONTENT}
    assert log.rows("artifact_files").keys() == set(files)


def test_a_file_id_is_used_once_even_after_removal(log: Log) -> None:
    package = log.package()
    file = log.file(package, "a")
    log.refused("id-taken", file, ingested(package, "b"))
    log.refused("id-taken", file, ingested(log.package("other"), "a"))
    log.append(file, FileRemoved(package_id=package, reason="old"))
    log.refused("id-taken", file, ingested(package, "a"))


def test_a_location_id_is_used_once(log: Log) -> None:
    package, taken = log.package(), new_id()
    log.append(new_id(), ingested(package, "a", location("file:///a", taken)))
    log.refused("id-taken", new_id(), ingested(package, "b", location("file:///b", taken)))
    twice = location("file:///1", new_id()), location("file:///2")
    log.refused(
        "id-taken", new_id(), ingested(package, "b", *twice, location("file:///3", twice[0].location_id))
    )


def test_a_place_is_named_once_per_file(log: Log) -> None:
    package = log.package()
    same = ingested(package, "a", location("file:///a"), location("file:///a"))
    log.refused("location-taken", new_id(), same)
    log.append(new_id(), ingested(package, "b", location("file:///a"), location("file:///a", backend="nfs")))
    log.append(new_id(), ingested(package, "c", location("file:///a")))


def test_the_package_is_judged_before_the_path_and_the_path_before_ids(log: Log) -> None:
    package = log.package()
    file = log.file(package, "a", "file:///a")
    log.refused("not-open", file, ingested(log.sealed("sealed"), "../x"))
    log.refused("bad-path", file, ingested(package, "../x"))
    [taken] = log.rows("storage_locations")
    log.refused("path-taken", new_id(), ingested(package, "a", location("file:///b", taken)))


def test_what_was_inserted_of_a_refused_file_is_not_told_as_the_holder_of_an_id(log: Log) -> None:
    package, taken = log.package(), new_id()
    first = log.file(package, "a")
    log.append(new_id(), ingested(package, "b", location("file:///b", taken)))
    twice = location("file:///1")
    detail = log.refused(
        "id-taken", new_id(), ingested(package, "c", twice, location("file:///2", twice.location_id))
    )
    assert "taken" not in detail
    copies = location("file:///3"), location("x:y", taken)
    detail = log.refused("id-taken", new_id(), ingested(package, "c", *copies))
    assert (detail["taken"], detail["uri"]) == ("location", "file:///b")
    detail = log.refused("id-taken", first, ingested(package, "c"))
    assert (detail["taken"], detail["file_path"]) == ("file", "a")
