"""``artifactstore.json``: the one object that is written anew, on condition that nobody else did."""

from typing import TYPE_CHECKING

from artifactstore.errors import ArtifactstoreError, Refused
from artifactstore.stores.answers import StoreAnswer
from artifactstore.stores.s3.bucket import MARKER, MISSING, TAKEN, Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

_CHANGED = (TAKEN, "ConditionalRequestConflict", *MISSING)


def read_marker(place: Bucket) -> tuple[bytes, str] | None:
    """See ``ObjectStore.read_marker``."""
    return _read(place, place.prefix + MARKER)


def outer_marker(place: Bucket) -> str | None:
    """See ``ObjectStore.outer_marker``: of the prefixes that this one begins with."""
    segments = place.prefix.split("/")[:-1]
    for count in range(len(segments)):
        outer = "".join(f"{segment}/" for segment in segments[:count])
        try:
            found = _read(place, outer + MARKER)
        except ArtifactstoreError as failure:
            if failure.code != "store-refused":  # what may not be looked at is nobody's that could
                raise
            continue
        if found is not None:
            return f"s3://{place.bucket}/{outer}"
    return None


def _read(place: Bucket, path: str) -> tuple[bytes, str] | None:
    boto = place.boto

    def get() -> tuple[bytes, str]:
        found = boto.get_object(Bucket=place.bucket, Key=path)
        return found["Body"].read(), found["ETag"]

    try:
        return place.ask("read the marker", get, *MISSING)
    except StoreAnswer:
        return None


def write_marker(place: Bucket, data: bytes, version: str | None) -> str:
    """See ``ObjectStore.write_marker``."""
    boto, path = place.boto, place.prefix + MARKER
    request: PutObjectRequestTypeDef = {"Bucket": place.bucket, "Key": path, "Body": data}
    if version is None:
        request["IfNoneMatch"] = "*"
    else:
        request["IfMatch"] = version
    try:
        return place.ask("write the marker", lambda: boto.put_object(**request), *_CHANGED)["ETag"]
    except StoreAnswer as answer:
        there = read_marker(place)
        if answer.uncertain and there is not None and there[0] == data:
            return there[1]  # written by a call whose answer was lost
        problem = f"{place.name}: somebody else wrote {MARKER} meanwhile"
        raise Refused("store-mismatch", {"problem": problem, "store": place.name, "raced": True}) from answer
