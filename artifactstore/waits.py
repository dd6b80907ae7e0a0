"""Who was in the way when a wait for a lock was over: asked at once, over another connection."""

from contextlib import suppress

from artifactstore import db
from artifactstore.errors import ArtifactstoreError
from artifactstore.store import Row, Store

_LOCK_NOT_AVAILABLE = "55P03"
_ASKED = 2.0
"""Seconds that may pass until it is known."""


def explained(failure: ArtifactstoreError, conninfo: str) -> ArtifactstoreError:
    """The failure; one of a wait for a lock tells in ``holders`` who has it now, and how to end that.

    Nothing is added when nobody has any more: then it can be repeated.
    """
    waited = failure.sqlstate == _LOCK_NOT_AVAILABLE or "lock_timeout" in failure.detail
    if failure.code != "busy" or not waited:
        return failure
    holders: list[Row] = []
    with (
        suppress(ArtifactstoreError),
        db.connect(conninfo, purpose="doctor", connect_timeout=2) as connection,
    ):
        db.limit_statements(connection, _ASKED)
        holders = Store(connection).health.lock_holders()
    pids = failure.detail.get("pids")
    if isinstance(pids, list) and pids:
        holders = [one for one in holders if one["pid"] in pids] or holders
    if not holders:
        return failure
    detail = {name: value for name, value in failure.detail.items() if name != "code"}
    told = "; ".join(map(_told, holders))
    detail["problem"] = f"{detail.get('problem') or 'a lock was not given'}: {told}"
    detail["holders"] = [{name: value for name, value in one.items() if value is not None} for one in holders]
    detail["commands"] = [_end(one) for one in holders]
    hint = "wait until that ends, or end it with the commands that are told, then repeat"
    return type(failure)(failure.code, detail, hint, failure.sqlstate)


def _told(one: Row) -> str:
    names = ", ".join(str(one[name]) for name in ("login", "application", "state") if one[name])
    who = (
        f"backend {one['pid']} ({names})" if one["gid"] is None else f"the prepared transaction {one['gid']}"
    )
    since = "" if one["since"] is None else f" since {one['since']:%Y-%m-%d %H:%M:%S} UTC"
    return f"{who} has {one['mode']} on {one['locked']}{since}"


def _end(one: Row) -> str:
    if one["gid"] is None:
        return f"SELECT pg_terminate_backend({one['pid']});"
    gid = str(one["gid"]).replace("'", "''")
    return f"ROLLBACK PREPARED '{gid}';"
