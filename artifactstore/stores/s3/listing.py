"""What is in the bucket below the prefix, in the order of bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from artifactstore.stores.base import ObjectInfo
from artifactstore.stores.s3.bucket import MARKER, Bucket

_MANY = 10_000


def objects(place: Bucket, after: str) -> Iterator[ObjectInfo]:
    """See ``ObjectStore.list``; how many versions each has, where the bucket has versions."""
    in_span = _versions if place.versioned else _plain
    for span in _spans(place, after):
        for found in in_span(place, span):
            if found.key != MARKER and (span.whole or found.key == span.below or span.below.endswith("/")):
                yield found


@dataclass(frozen=True, slots=True)
class _Span:
    """Objects whose keys begin with ``below`` and are behind ``after``; ``whole``: all there are."""

    below: str
    after: str
    whole: bool = False


def _spans(place: Bucket, after: str) -> Iterator[_Span]:
    """What to list one after the other, so that all of it comes in the order of bytes.

    Stores that are made of directories (SeaweedFS) list ``aa/x`` before ``aa-b``. Our keys are in the same
    order either way; with others' between them it takes a listing for each name.
    """
    names = _top(place)
    by_bytes = sorted(names, key=str.encode)
    if by_bytes == sorted(names, key=lambda name: name.rstrip("/").encode()):
        yield _Span("", after, whole=True)
        return
    for name in by_bytes:
        if name.encode() > after.encode() or after.startswith(name):
            yield _Span(name, after if after.startswith(name) else "")


def _top(place: Bucket) -> list[str]:
    """Names directly below the prefix; none if there are very many, which is no place of ours alone."""
    names: list[str] = []
    for page in _pages(place, Prefix=place.prefix, Delimiter="/"):
        found = (*page["Below"], *(one[0] for one in page["Fast"]))
        names += [name.removeprefix(place.prefix) for name in found]
        if len(names) > _MANY:
            return []
    return names


def _pages(place: Bucket, **wanted: str) -> Iterator[Any]:
    boto, token = place.boto, ""
    while True:
        request = {"Bucket": place.bucket, **wanted, **({"ContinuationToken": token} if token else {})}
        page: Any = place.ask("list", lambda asked=request: boto.list_objects_v2(**asked))  # type: ignore[misc]
        yield page
        token = page["Next"]
        if not page["More"] or not token:
            return


def _plain(place: Bucket, span: _Span) -> Iterator[ObjectInfo]:
    start = {"StartAfter": place.prefix + span.after} if span.after else {}
    for page in _pages(place, Prefix=place.prefix + span.below, **start):
        for name, size, modified in page["Fast"]:
            yield ObjectInfo(name.removeprefix(place.prefix), size, _time(modified))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _versions(place: Bucket, span: _Span) -> Iterator[ObjectInfo]:
    """Objects with all they have: a mark that says deleted counts, too. What is only such a mark is none."""
    boto = place.boto
    request = {"Bucket": place.bucket, "Prefix": place.prefix + span.below}
    if span.after:
        request["KeyMarker"] = place.prefix + span.after
    found: dict[str, tuple[int, datetime]] = {}
    counted: dict[str, int] = {}
    while True:
        page: Any = place.ask("list", lambda asked=request: boto.list_object_versions(**asked))  # type: ignore[misc]
        for one in page.get("Versions", ()):
            counted[one["Key"]] = counted.get(one["Key"], 0) + 1
            found.setdefault(one["Key"], (one["Size"], one["LastModified"]))  # the newest comes first
        for one in page.get("DeleteMarkers", ()):
            counted[one["Key"]] = counted.get(one["Key"], 0) + 1
        more = page.get("IsTruncated", False)
        for name in list(counted):
            if more and name == page.get("NextKeyMarker"):
                continue  # more of it may come
            if name in found:
                yield ObjectInfo(name.removeprefix(place.prefix), *found.pop(name), versions=counted[name])
            del counted[name]
        if not more:
            return
        request["KeyMarker"] = page["NextKeyMarker"]
        request["VersionIdMarker"] = page.get("NextVersionIdMarker", "")
