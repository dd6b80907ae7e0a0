"""What is in the bucket below the prefix, in the order of bytes."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from artifactstore.stores.base import ObjectInfo
from artifactstore.stores.s3.place import Place


def objects(place: Place, after: str) -> Iterator[ObjectInfo]:
    """See ``ObjectStore.list``; how many versions each has, where the bucket has versions."""
    yield from _versions(place, after) if place.versioned else _plain(place, after)


def _plain(place: Place, after: str) -> Iterator[ObjectInfo]:
    boto = place.boto
    last = place.prefix + after if after else ""
    while True:
        page: Any = place.ask(
            "list",
            lambda start=last: boto.list_objects_v2(  # type: ignore[misc]
                Bucket=place.bucket, Prefix=place.prefix, StartAfter=start
            ),
        )
        for last, size, modified in page["Fast"]:
            yield ObjectInfo(last.removeprefix(place.prefix), size, _time(modified))
        if not page["More"] or not page["Fast"]:
            return


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _versions(place: Place, after: str) -> Iterator[ObjectInfo]:
    """Objects with all they have: a mark that says deleted counts, too. What is only such a mark is none."""
    boto = place.boto
    marks = (place.prefix + after if after else "", "")
    found: dict[str, tuple[int, datetime]] = {}
    counted: dict[str, int] = {}
    while True:
        page = place.ask("list", lambda at=marks: boto.list_object_versions(**_page(place, at)))  # type: ignore[misc]
        for version in page.get("Versions", ()):
            counted[version["Key"]] = counted.get(version["Key"], 0) + 1
            found.setdefault(
                version["Key"], (version["Size"], version["LastModified"])
            )  # the newest is first
        for mark in page.get("DeleteMarkers", ()):
            counted[mark["Key"]] = counted.get(mark["Key"], 0) + 1
        more = page.get("IsTruncated", False)
        keys = sorted(counted, key=str.encode)
        for key in keys[:-1] if more else keys:  # more of the last one may come
            if key in found:
                yield ObjectInfo(key.removeprefix(place.prefix), *found.pop(key), versions=counted[key])
            del counted[key]
        if not more:
            return
        marks = (page.get("NextKeyMarker", ""), page.get("NextVersionIdMarker", ""))


def _page(place: Place, marks: tuple[str, str]) -> Any:
    request: dict[str, str] = {"Bucket": place.bucket, "Prefix": place.prefix, "KeyMarker": marks[0]}
    if marks[1]:
        request["VersionIdMarker"] = marks[1]
    return request
