"""Object Lock: how an object is locked, and setting it. All is about the one version that an object has."""

from typing import TYPE_CHECKING, Any

from artifactstore.errors import Refused
from artifactstore.stores.answers import StoreAnswer
from artifactstore.stores.locks import Lock, SetHold, Step
from artifactstore.stores.s3.bucket import MISSING, UNKNOWN, Bucket

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef, PutObjectRetentionRequestTypeDef

NO_LOCKS = ("InvalidRequest", "NotFound", "ObjectLockConfigurationNotFoundError", *UNKNOWN)
"""Codes of a bucket that was made without Object Lock."""
_NOT_LOCKED = (
    "NoSuchObjectLegalHold", "NoSuchObjectLockConfiguration", "NoSuchObjectRetention", *NO_LOCKS
)  # fmt: skip
_HINT = 'Object Lock is given to a bucket when it is made: make another one, or set lock = "off"'


def check(place: Bucket) -> None:
    """See ``KeepsLocked.check_locks``."""
    boto = place.boto
    try:
        found = place.ask(
            "object lock", lambda: boto.get_object_lock_configuration(Bucket=place.bucket), *NO_LOCKS
        )
    except StoreAnswer as answer:
        raise _without(place, answer.code) from answer
    if found["ObjectLockConfiguration"].get("ObjectLockEnabled") != "Enabled":
        raise _without(place, None)


def lock_of(place: Bucket, one: "ObjectIdentifierTypeDef") -> Lock | None:
    """How an object, or a version of it, is locked; None if it is not there."""
    boto = place.boto
    named: Any = {"Bucket": place.bucket, **one}
    hold, mode, until = False, None, None
    try:
        held = place.ask("legal hold", lambda: boto.get_object_legal_hold(**named), *MISSING, *_NOT_LOCKED)
        hold = held["LegalHold"].get("Status") == "ON"
    except StoreAnswer as answer:
        if answer.code in MISSING:
            return None
    try:
        kept = place.ask("retention", lambda: boto.get_object_retention(**named), *MISSING, *_NOT_LOCKED)
        mode, until = kept["Retention"].get("Mode"), kept["Retention"].get("RetainUntilDate")
    except StoreAnswer as answer:
        if answer.code in MISSING:
            return None
    if mode is None or until is None:
        return Lock(hold=hold)
    return Lock(mode.lower(), until, hold)


def change(place: Bucket, path: str, step: Step) -> bool:
    """See ``KeepsLocked.change_lock``."""
    boto = place.boto
    try:
        if isinstance(step, SetHold):
            status: Any = {"Status": "ON" if step.on else "OFF"}
            place.ask(
                f"legal hold of {path}",
                lambda: boto.put_object_legal_hold(Bucket=place.bucket, Key=path, LegalHold=status),
                *MISSING,
            )
            return True
        request: PutObjectRetentionRequestTypeDef = {
            "Bucket": place.bucket,
            "Key": path,
            "Retention": {
                "Mode": "COMPLIANCE" if step.mode == "compliance" else "GOVERNANCE",
                "RetainUntilDate": step.until,
            },
        }
        if step.bypass:
            request["BypassGovernanceRetention"] = True
        place.ask(f"retention of {path}", lambda: boto.put_object_retention(**request), *MISSING)
    except StoreAnswer:
        return False
    return True


def _without(place: Bucket, code: str | None) -> Refused:
    problem = f"{place.name}: nothing can be locked in the bucket {place.bucket}"
    detail = {"problem": problem, "store": place.name} | ({"store_code": code} if code else {})
    return Refused("store-refused", detail, _HINT)
