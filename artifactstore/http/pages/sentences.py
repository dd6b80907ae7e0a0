"""What each event says in one line, as people would; who did it to what stands before it."""

from collections.abc import Callable, Mapping
from typing import Any

from artifactstore.events.times import day
from artifactstore.http.pages.texts import byte_size
from artifactstore.store import Row


def sentence(row: Row) -> str:
    """The line of a row of ``audit_events``, with its reason."""
    payload = row["payload"]
    told = SENTENCES[row["action"]](row, payload)
    if payload.get("bypass_governance"):
        told += ", bypassing governance"
    reason = payload.get("reason")
    return f"{told}: {reason}" if reason else told


def _created(_row: Row, payload: Mapping[str, Any]) -> str:
    retention = payload.get("retention")
    kept = f", to be kept until {day(retention.get('until'))} ({retention.get('mode')})" if retention else ""
    return f"created, open for files{kept}"


def _labeled(_row: Row, payload: Mapping[str, Any]) -> str:
    changes = []
    if payload.get("set"):
        changes.append("set " + ", ".join(f"{name}={value}" for name, value in payload["set"].items()))
    if payload.get("unset"):
        changes.append("removed " + ", ".join(payload["unset"]))
    return "labels: " + "; ".join(changes)


def _sealed(_row: Row, payload: Mapping[str, Any]) -> str:
    files = _count(payload.get("file_count"), "file")
    return f"sealed with {files}, {byte_size(payload.get('total_bytes'))}"


def _purged(_row: Row, payload: Mapping[str, Any]) -> str:
    return f"purged for good, with {_count(payload.get('file_count'), 'file')}"


def _ingested(_row: Row, payload: Mapping[str, Any]) -> str:
    copies = payload.get("locations")
    stored = f", with {_count(len(copies), 'copy', 'copies')}" if copies else ""
    return f"file {payload.get('path')} added, {byte_size(payload.get('size'))}{stored}"


def _registered(row: Row, payload: Mapping[str, Any]) -> str:
    return f"copy of {row['path']} registered in {payload.get('backend')} at {payload.get('uri')}"


def _verified(row: Row, payload: Mapping[str, Any]) -> str:
    return f"copy of {row['path']} checked and found good ({_words(payload.get('method'))})"


def _failed(row: Row, payload: Mapping[str, Any]) -> str:
    return f"copy of {row['path']} checked and found bad: {_words(payload.get('failure'))}"


def _retiring(row: Row, _payload: Mapping[str, Any]) -> str:
    return f"copy of {row['path']} is to go"


def _retired(row: Row, payload: Mapping[str, Any]) -> str:
    return f"copy of {row['path']} no longer kept ({_words(payload.get('outcome'))})"


def _applied(_row: Row, payload: Mapping[str, Any]) -> str:
    policy = f", policy {payload['policy']}" if payload.get("policy") else ""
    return f"to be kept until {day(payload.get('until'))} ({payload.get('mode')}{policy})"


def _extended(_row: Row, payload: Mapping[str, Any]) -> str:
    return f"extended to {day(payload.get('to'))}"


def _shortened(_row: Row, payload: Mapping[str, Any]) -> str:
    return f"shortened from {day(payload.get('from'))} to {day(payload.get('to'))}"


def _restored_log(_row: Row, payload: Mapping[str, Any]) -> str:
    return f"the log was restored up to {payload.get('from_sequence')}: epoch {payload.get('epoch')} begins"


def _issued(_row: Row, payload: Mapping[str, Any]) -> str:
    ends = f" until {day(payload['expires'])}" if payload.get("expires") else ""
    return f"a token was issued ({', '.join(payload.get('roles') or ['no role'])}){ends}"


def _revoked(_row: Row, payload: Mapping[str, Any]) -> str:
    return f"a token was revoked ({', '.join(payload.get('roles') or ['no role'])})"


SENTENCES: Mapping[str, Callable[[Row, Mapping[str, Any]], str]] = {
    "v1.package.created": _created,
    "v1.package.labeled": _labeled,
    "v1.package.sealed": _sealed,
    "v1.package.yanked": lambda _row, _payload: "yanked: not to be chosen anew",
    "v1.package.unyanked": lambda _row, _payload: "yank taken back",
    "v1.package.deleted": lambda _row, _payload: "deleted; can be restored",
    "v1.package.restored": lambda _row, _payload: "restored",
    "v1.package.purged": _purged,
    "v1.file.ingested": _ingested,
    "v1.file.removed": lambda row, _payload: f"file {row['path']} removed",
    "v1.storage.registered": _registered,
    "v1.storage.verified": _verified,
    "v1.storage.failed": _failed,
    "v1.storage.retiring": _retiring,
    "v1.storage.retired": _retired,
    "v1.retention.applied": _applied,
    "v1.retention.extended": _extended,
    "v1.retention.escalated": lambda _row, _payload: "governance became compliance",
    "v1.retention.shortened": _shortened,
    "v1.retention.hold_placed": lambda _row, payload: f"hold placed for case {payload.get('case')}",
    "v1.retention.hold_released": lambda _row, _payload: "hold released",
    "v1.system.initialized": lambda _row, _payload: "the log began",
    "v1.system.restored": _restored_log,
    "v1.system.token_issued": _issued,
    "v1.system.token_revoked": _revoked,
}
"""By event type, from the row and its payload."""


def _count(count: object, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}" if isinstance(count, int) else f"? {one}s"


def _words(name: object) -> str:
    return str(name).replace("_", " ")
