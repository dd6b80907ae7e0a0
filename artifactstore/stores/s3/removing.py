"""Objects that go, with all their versions."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from obstore import head

from artifactstore.stores.answers import StoreAnswer
from artifactstore.stores.base import Removed
from artifactstore.stores.locks import Lock
from artifactstore.stores.patience import Waiting
from artifactstore.stores.s3.bucket import MISSING, UNKNOWN, Bucket
from artifactstore.stores.s3.locking import lock_of

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_AT_ONCE = 1_000
"""Versions in one request, at most."""
_LOOKERS = 16


def delete(place: Bucket, keys: Sequence[str]) -> Mapping[str, Removed]:
    """See ``ObjectStore.delete``; raises ``store-refused`` if the store keeps one that nothing locks."""
    paths = {place.path(key): key for key in keys}
    with ThreadPoolExecutor(_LOOKERS) as pool:
        looked = pool.map(lambda path: _there(place, path), paths)
        there = dict(zip(paths, looked, strict=True))
    outcome: dict[str, Removed] = {
        paths[path]: "deleted" if versions else "not_found" for path, versions in there.items()
    }
    if "not_found" in outcome.values():
        place.need_bucket()
    wanted = [one for versions in there.values() for one in versions]
    for start in range(0, len(wanted), _AT_ONCE):
        for one, code in _remove(place, wanted[start : start + _AT_ONCE]):
            if not _locked(place, one):
                raise StoreAnswer(403, code).error(place.name, f"delete {paths[one['Key']]}")
            outcome[paths[one["Key"]]] = "locked"
    return outcome


def _there(place: Bucket, path: str) -> "list[ObjectIdentifierTypeDef]":
    """What is to be removed so that nothing is left of an object."""
    if place.versioned:
        return [{"Key": path, "VersionId": one["VersionId"]} for one in place.versions_of(path)]
    store = place.obstore
    try:
        place.ask("look", lambda: head(store, path), *MISSING)
    except StoreAnswer:
        return []
    return [{"Key": path}]


def _remove(
    place: Bucket, wanted: "list[ObjectIdentifierTypeDef]"
) -> "Iterator[tuple[ObjectIdentifierTypeDef, str]]":
    """Remove them; what the store keeps, with its code."""
    boto = place.boto
    waiting = Waiting(place.patience)
    while wanted:
        try:
            said = place.ask(
                "delete",
                lambda these=wanted: boto.delete_objects(  # type: ignore[misc]
                    Bucket=place.bucket, Delete={"Objects": these, "Quiet": True}
                ),
                *UNKNOWN,
            )
        except StoreAnswer:
            yield from _remove_singly(place, wanted)
            return
        again: list[ObjectIdentifierTypeDef] = []
        for one in said.get("Errors", ()):
            answer = StoreAnswer(500 if one.get("Code") == "InternalError" else 403, one.get("Code"))
            named: ObjectIdentifierTypeDef = {"Key": one["Key"]}
            if one.get("VersionId"):
                named["VersionId"] = one["VersionId"]
            if answer.passing:
                again.append(named)
                last = answer
            elif answer.code not in (*MISSING, "NoSuchVersion"):
                yield named, answer.code or "AccessDenied"
        wanted = again
        if wanted:
            try:
                waiting.wait_after(last)
            except StoreAnswer as answer:
                raise answer.error(place.name, "delete") from answer


def _remove_singly(
    place: Bucket, wanted: "list[ObjectIdentifierTypeDef]"
) -> "Iterator[tuple[ObjectIdentifierTypeDef, str]]":
    boto = place.boto
    for one in wanted:
        try:
            place.ask(
                "delete",
                lambda this=one: boto.delete_object(Bucket=place.bucket, **this),  # type: ignore[misc]
                "AccessDenied", "Forbidden", *MISSING,
            )  # fmt: skip
        except StoreAnswer as answer:
            if answer.code not in MISSING:
                yield one, answer.code or "AccessDenied"


def _locked(place: Bucket, one: "ObjectIdentifierTypeDef") -> bool:
    """Whether a lock keeps a version: retention that has not ended, or a legal hold."""
    found = lock_of(place, one)
    return found is not None and found.at(datetime.now(UTC)) != Lock()
