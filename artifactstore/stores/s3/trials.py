"""What ``backend test`` tries of a bucket besides what every store must do, and what in it will do harm."""

import hashlib
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from artifactstore.errors import ArtifactstoreError, Refused
from artifactstore.events.ids import new_id
from artifactstore.stores.answers import StoreAnswer
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.keys import key_of
from artifactstore.stores.locks import SetHold, SetRetention, Step
from artifactstore.stores.s3 import locking
from artifactstore.stores.s3.bucket import TAKEN, UNKNOWN, Bucket
from artifactstore.stores.s3.removing import delete
from artifactstore.stores.trial import Trial

_DATA = b"artifactstore backend test\n"
_LOCKED_FOR = timedelta(seconds=4)
_LOCKED_LONG = timedelta(seconds=60)
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
    """Whether what is locked stays for so long, whoever asks, and goes afterwards."""
    boto = place.boto
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
    keys = [_written(place) for _ in range(3)]
    try:
        _try_locks(place, *keys)
    except _Lies as lie:
        return Trial("lock", "failed", str(lie))
    except Refused as refusal:
        return Trial("lock", "failed", str(refusal.detail.get("problem") or refusal.message))
    finally:
        with suppress(ArtifactstoreError):
            delete(place, keys)
    return Trial("lock", "yes", "what was locked stayed, and went when the lock had ended")


class _Lies(Exception):
    """The store does not do what it said about a lock."""


def _try_locks(place: Bucket, governed: str, complying: str, held: str) -> None:
    """Lock objects as the keeper does, and try to get rid of them; raises ``_Lies``, and what it refuses."""

    def change(key: str, step: Step) -> None:
        if not locking.change(place, place.path(key), step):
            raise _Lies("what was written is not there when it is to be locked")

    later = datetime.now(UTC).replace(microsecond=0) + _LOCKED_LONG
    for key in (governed, complying):
        change(key, SetRetention("governance", later, raises=True, bypass=False))
    change(held, SetHold(True))
    if "deleted" in delete(place, [governed, held]).values():
        raise _Lies("what was locked was removed")
    until = datetime.now(UTC).replace(microsecond=0) + _LOCKED_FOR
    change(complying, SetRetention("compliance", until, raises=True, bypass=True))
    change(governed, SetRetention("governance", until, raises=False, bypass=True))
    if delete(place, [complying])[complying] != "locked":
        raise _Lies("what was locked was removed, though by compliance")
    try:
        change(complying, SetRetention("governance", until, raises=False, bypass=True))
    except Refused:
        pass
    else:
        raise _Lies("compliance was taken back")
    change(held, SetHold(False))
    time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()) + 1.0)
    if set(delete(place, [governed, complying, held]).values()) != {"deleted"}:
        raise _Lies("what was locked stayed when the lock had ended")


def _written(place: Bucket) -> str:
    """A new object; its key."""
    boto, key = place.boto, key_of(new_id())
    path, said = place.path(key), b64encode(hashlib.sha256(_DATA).digest()).decode()
    place.ask(
        "write an object to be locked",
        lambda: boto.put_object(Bucket=place.bucket, Key=path, Body=_DATA, ChecksumSHA256=said),
    )
    return key


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
