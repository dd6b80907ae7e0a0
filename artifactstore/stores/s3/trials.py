"""What ``backend test`` tries of a bucket besides what every store must do, and what in it will do harm."""

import hashlib
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from artifactstore.events.ids import new_id
from artifactstore.stores.answers import StoreAnswer
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.keys import key_of
from artifactstore.stores.s3.bucket import TAKEN, UNKNOWN, Bucket
from artifactstore.stores.s3.removing import delete
from artifactstore.stores.trial import Trial

_DATA = b"artifactstore backend test\n"
_LOCKED_FOR = timedelta(seconds=4)
_AT_ONCE = 16
_NOTHING = (
    "NoSuchBucketPolicy", "NoSuchLifecycleConfiguration", "ObjectLockConfigurationNotFoundError",
    "NotFound", *UNKNOWN,
)  # fmt: skip
_NO_RIGHT = ("AccessDenied", "Forbidden")
_ALL_USERS = "http://acs.amazonaws.com/groups/global/"


def trials(place: Bucket, settings: StoreConfig) -> Iterator[Trial]:
    """Try them; what was written is removed."""
    key = key_of(new_id())
    try:
        yield _wrong_checksum(place, key)
        yield _one_writer(place, key)
    finally:
        delete(place, [key])
    yield Trial("versions", "yes" if place.versioned else "no", "each is removed with its object")
    yield _lock(place, settings)
    yield from _lifecycle(place)
    yield _public(place)


def _wrong_checksum(place: Bucket, key: str) -> Trial:
    """Whether the store itself refuses bytes that are not those that were said."""
    said = b64encode(hashlib.sha256(b"other").digest()).decode()
    boto, path = place.boto, place.path(key)
    try:
        place.ask(
            "write with a wrong checksum",
            lambda: boto.put_object(Bucket=place.bucket, Key=path, Body=_DATA, ChecksumSHA256=said),
            "BadDigest", "XAmzContentChecksumMismatch", "InvalidRequest", "InvalidDigest",
        )  # fmt: skip
    except StoreAnswer as answer:
        return Trial("refuses wrong bytes", "yes", answer.code or "")
    return Trial("refuses wrong bytes", "hazard", "it checks nothing: set verify_writes = true")


def _one_writer(place: Bucket, key: str) -> Trial:
    """Whether of many who write on condition that nothing is there one succeeds."""
    delete(place, [key])
    boto, path = place.boto, place.path(key)

    def write(number: int) -> bool:
        data = _DATA * (number + 1)
        try:
            place.ask(
                "write on condition",
                lambda: boto.put_object(Bucket=place.bucket, Key=path, Body=data, IfNoneMatch="*"),
                TAKEN, *UNKNOWN,
            )  # fmt: skip
        except StoreAnswer:
            return False
        return True

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        wrote = sum(pool.map(write, range(_AT_ONCE)))
    told = f"of {_AT_ONCE} at once {wrote} wrote"
    return Trial("If-None-Match", "yes" if wrote == 1 else "hazard", told)


def _lock(place: Bucket, settings: StoreConfig) -> Trial:
    """Whether what is locked for some seconds stays for so long, and goes afterwards."""
    boto, key = place.boto, key_of(new_id())
    path, until = place.path(key), datetime.now(UTC) + _LOCKED_FOR
    said = b64encode(hashlib.sha256(_DATA).digest()).decode()
    try:
        found = place.ask(
            "object lock",
            lambda: boto.get_object_lock_configuration(Bucket=place.bucket),
            *_NOTHING,
            *_NO_RIGHT,
        )
    except StoreAnswer as answer:
        return Trial("lock", "failed" if settings.lock == "mirror" else "no", answer.code or "")
    if "Rule" in (rules := found["ObjectLockConfiguration"]):
        return Trial("lock", "hazard", f"the bucket locks all that is written: {_retention(rules['Rule'])}")
    place.ask(
        "write a locked object",
        lambda: boto.put_object(
            Bucket=place.bucket, Key=path, Body=_DATA, ChecksumSHA256=said,
            ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until,
        ),
    )  # fmt: skip
    kept = delete(place, [key])[key] == "locked"
    time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()) + 1.0)
    gone = delete(place, [key])[key] == "deleted"
    if kept and gone:
        return Trial("lock", "yes", "what was locked stayed, and went when the lock had ended")
    told = "what was locked was removed" if not kept else "what was locked stayed when the lock had ended"
    return Trial("lock", "failed", told)


def _retention(rule: Any) -> str:
    default = rule.get("DefaultRetention", {})
    return f"{default.get('Mode')} {default.get('Days', '')}{'d' if 'Days' in default else ''}".strip()


def _lifecycle(place: Bucket) -> Iterator[Trial]:
    """Rules of the bucket that expire what is ours; and whether one removes uploads that were given up."""
    boto = place.boto
    found = _asked(
        place, "lifecycle", lambda: boto.get_bucket_lifecycle_configuration(Bucket=place.bucket)["Rules"]
    )
    if isinstance(found, str):
        yield Trial("lifecycle", "no", f"not to be seen: {found}")
        return
    rules = [rule for rule in found or () if rule.get("Status") == "Enabled"]
    expiring = [
        str(rule.get("ID", "without a name"))
        for rule in rules
        if _concerns(rule, place.prefix) and ("Expiration" in rule or "NoncurrentVersionExpiration" in rule)
        and rule.get("Expiration") != {"ExpiredObjectDeleteMarker": True}
    ]  # fmt: skip
    if expiring:
        yield Trial("lifecycle", "hazard", f"rules remove what is here: {', '.join(expiring)}")
    else:
        stale = any("AbortIncompleteMultipartUpload" in rule for rule in rules)
        told = "no rule removes what is here" + (
            "" if stale else "; the keeper removes uploads that were given up"
        )
        yield Trial("lifecycle", "yes", told)


def _concerns(rule: Any, prefix: str) -> bool:
    """Whether a rule may be about objects below the prefix."""
    narrow = rule.get("Filter", {})
    about = rule.get("Prefix") or narrow.get("Prefix") or narrow.get("And", {}).get("Prefix") or ""
    return prefix.startswith(about) or about.startswith(prefix)


def _public(place: Bucket) -> Trial:
    """Whether everybody may read the bucket."""
    boto = place.boto
    status = _asked(
        place,
        "policy",
        lambda: boto.get_bucket_policy_status(Bucket=place.bucket)["PolicyStatus"]["IsPublic"],
    )
    grants = _asked(place, "rights", lambda: boto.get_bucket_acl(Bucket=place.bucket)["Grants"])
    to_all = not isinstance(grants, str) and any(
        grant["Grantee"].get("URI", "").startswith(_ALL_USERS) for grant in grants or ()
    )
    if status is True or to_all:
        return Trial("closed to the public", "hazard", "everybody may use the bucket")
    unseen = [code for code in (status, grants) if isinstance(code, str)]
    if unseen:
        return Trial("closed to the public", "no", f"not to be seen: {unseen[0]}")
    return Trial("closed to the public", "yes")


def _asked(place: Bucket, what: str, call: Callable[[], Any]) -> Any:
    """What the store says of the bucket; None if that is nothing, the code if this account may not know."""
    try:
        return place.ask(what, call, *_NOTHING, *_NO_RIGHT)
    except StoreAnswer as answer:
        return answer.code if answer.code in _NO_RIGHT else None
