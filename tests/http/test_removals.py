"""F01 over HTTP: what is to be done about copies that are to go, and who needs their bytes."""

from tests.http.running import Registry

URI = "s3://bucket/shared"


def gone(registry: Registry, purl: str) -> tuple[str, str]:
    """A package whose only file was removed; its path, and that of the file's location."""
    package = registry.package(purl=purl)
    file = registry.file(package)
    location = registry.location(file, URI)
    registry.post(f"{file}/remove", {"reason": "r"})
    return package, location


def test_f01_needed_bytes_are_not_deleted_and_the_lists_say_so(registry: Registry) -> None:
    package, location = gone(registry, "pkg:generic/first@1")
    keeper = registry.package(purl="pkg:generic/second@1")
    file = registry.file(keeper)
    kept = registry.location(file, URI)
    row = registry.get(kept)
    needed_by = {
        **{name: row[name] for name in ("location_id", "file_id", "package_id", "state")},
        "purl": "pkg:generic/second@1",
        "more": 0,
    }
    (listed,) = registry.get("/removals")["removals"]
    told = {"path": "a", "purl": "pkg:generic/first@1", "removal": "detach", "needed_by": needed_by}
    assert listed == {**registry.get(location), **told}
    (one,) = registry.get(f"{file}/locations")["locations"]
    assert (one["removal"], one["needed_by"]["location_id"]) == (None, listed["location_id"])
    told = registry.refused(f"{location}/retire", {"outcome": "deleted", "reason": "r"}, 409, "bytes-needed")
    assert told["needed_by"] == needed_by
    registry.post(f"{location}/retire", {"outcome": "detached", "reason": "r"})
    assert registry.get("/removals")["removals"] == []
    (one,) = registry.get(f"{file}/locations")["locations"]
    assert (one["removal"], one["needed_by"]) == (None, None)
    assert registry.get(package)["state"] == "open"


def test_what_is_to_go_is_read_page_by_page_and_by_package(registry: Registry) -> None:
    made = [gone(registry, f"pkg:generic/p{n}@1") for n in range(3)]
    ids = [location.rpartition("/")[2] for _, location in made]
    first = registry.get("/removals", limit=2)
    assert [(row["location_id"], row["removal"]) for row in first["removals"]] == [
        (ids[0], "detach"), (ids[1], "detach"),
    ]  # fmt: skip
    rest = registry.get("/removals", limit=2, after=first["next"])
    assert [(row["location_id"], row["removal"]) for row in rest["removals"]] == [(ids[2], "wait")]
    assert rest["next"] is None
    package_id = made[1][0].rpartition("/")[2]
    (row,) = registry.get("/removals", package_id=package_id)["removals"]
    assert row["location_id"] == ids[1]


def test_f61_the_last_copy_under_retention(registry: Registry) -> None:
    until = "2040-01-01T00:00:00.000000Z"
    package = registry.package(retention={"mode": "governance", "until": until})
    location = registry.location(registry.file(package))
    registry.post(f"{location}/failed", {"failure": "unreachable"})
    for outcome in ("deleted", "detached"):
        body = {"outcome": outcome, "reason": "r"}
        told = registry.refused(f"{location}/retire", body, 409, "retention-active")
        assert (told["mode"], told["retain_until"][:10]) == ("governance", until[:10])
    registry.post(f"{location}/retire", {"outcome": "not_found", "reason": "r"})
