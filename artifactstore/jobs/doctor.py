"""What is wrong with a database that an operator can put right, and the command that does."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from psycopg.sql import SQL, Identifier

from artifactstore import lacking
from artifactstore.errors import ArtifactstoreError, Busy, Forbidden
from artifactstore.jobs.evidence import evidence_findings
from artifactstore.jobs.keeper.health import keeper_findings
from artifactstore.migrate import check_version, guards
from artifactstore.store import Store
from artifactstore.store.health import Health
from artifactstore.store.identity import Identification
from artifactstore.store.removals import COUNTED, Removals
from artifactstore.stores.config import StoresConfig

LOCK_SECONDS = 5.0
"""A transaction that has the append lock for longer, or a wait for it, is a finding."""
IDLE_SECONDS = 60.0
OLD_SECONDS = 600.0
LITTLE_DISK = 1 << 30
NO_DISK = 100 << 20
CONTRADICTIONS = 10
"""Told at most."""
_SETTINGS = {
    "fsync": ("error", "a crash of the machine can destroy the database"),
    "full_page_writes": ("error", "a crash of the machine can leave torn pages"),
    "synchronous_commit": (
        "warning",
        "appends turn it on for themselves; other writes may be lost in a crash",
    ),
    "autovacuum": ("warning", "tables bloat and transaction ids run out"),
}


_STARTED_WITH = {
    "client": "take {0} out of PGOPTIONS and of options in the database URL",
    "command line": "start the server without -c {0}=off",
}
"""What no statement puts right, by where a setting comes from."""
_MIGRATE = "artifactstore migrate"
_NO_STORES = StoresConfig()


Who: TypeAlias = Literal["superuser", "deployer", "operator", "service"]
WHO: Mapping[Who, str] = {
    "superuser": "a superuser",
    "deployer": "who ran artifactstore migrate",
    "operator": "an operator",
    "service": "who has the stores of the service",
}
"""Who can put something right, as people are told; deployer: or a superuser."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Something to know about the database.

    Attributes:
        severity: error (it does harm or stops appends), warning (it will), info.
        check: version, home, views, evidence, append-lock, transaction, prepared, slot, notifications,
            replay, leftover, stray, guard, privilege, projectors, copies, keeper, retention-not-in-store,
            content, setting, disk, size, sight.
        what: the finding in words.
        fix: the very statements (they end with ;) or the command; None when there is nothing to do.
        schema: a leftover that ``fix`` removes.
        by: as whom, a key of ``WHO``.
    """

    severity: str
    check: str
    what: str
    fix: str | None = None
    schema: str | None = None
    by: Who | None = None


def examine(store: Store, stores: StoresConfig = _NO_STORES) -> Iterator[Advice]:
    """Look at everything; only reads. Raises when the database cannot be asked.

    Args:
        stores: stores.toml of this host.
    """
    try:
        check_version(store.connection)
    except ArtifactstoreError as refusal:
        if refusal.code not in ("schema-outdated", "schema-newer"):
            raise
        yield Advice("error", "version", refusal.message, refusal.hint.removeprefix("run "), by="deployer")
        return
    tampered = False
    for finding in _guards(store):
        tampered = tampered or finding.severity == "error"
        yield finding
    health = store.health
    for look in (
        partial(_home, store.identity), partial(_evidence, store), partial(_locks, health),
        partial(_transactions, health), partial(_notifications, health), partial(_leftovers, health),
        partial(_privileges, health), partial(_projectors, health), partial(_copies, store.removals),
        partial(_keeper, store, stores), partial(_unlocked, store, stores), partial(_contents, health),
        partial(_settings, health), partial(_disk, health),
    ):  # fmt: skip
        try:
            # Undone by itself where it fails: whoever asks may have a transaction that goes on.
            with store.connection.transaction():
                found = list(look())
        except Forbidden:
            if not tampered:
                raise
            # What was tampered with may keep the owner's functions from their tables: that is told.
            name = look.func.__name__.strip("_")
            what = f"{name} could not be looked at while guards are not as installed"
            found = [Advice("info", "sight", what, _MIGRATE, by="deployer")]
        yield from found


def remove_leftovers(health: Health) -> Iterator[Advice]:
    """Remove what a crash left, and tell each; what somebody works on or reads stays, told without schema."""
    for finding in _leftovers(health):
        if finding.schema is not None:
            try:
                health.drop_leftover(finding.schema)
            except Busy as refusal:
                what = f"the schema {finding.schema} stays: {refusal.detail.get('problem')}"
                finding = Advice("warning", "leftover", what, finding.fix)
            yield finding


def _home(identity: Identification) -> Iterator[Advice]:
    home = identity.home()
    if home is None:
        return
    here = identity.here()
    if home.place != here.place:
        what = (
            f"this is database {here.database_oid} of server {here.system_identifier}, the log is at home in "
            f"{home.database_oid} of {home.system_identifier}: appends are refused (moved); if events were "
            "lost, tell so with artifactstore restored, if none was, adopt it"
        )
        yield Advice("error", "home", what, "artifactstore adopt", by="operator")
    elif home.timeline != here.timeline:
        what = (
            f"the server was promoted or recovered: timeline {here.timeline}, not {home.timeline}; if events "
            "were lost, tell so with artifactstore restored, if none was, adopt it"
        )
        yield Advice("warning", "home", what, "artifactstore adopt", by="operator")


def _evidence(store: Store) -> Iterator[Advice]:
    try:
        with store.connection.transaction():
            store.identity.check_views()
            found = list(evidence_findings(store))
    except Busy as behind:
        if behind.code != "views-behind":
            raise
        yield Advice("error", "views", behind.message, "artifactstore replay", by="operator")
        return
    except Forbidden:
        what = "this login may not ask what speaks of lost events: that takes the role operator or service"
        roles = store.grants.roles_of_parts()
        granted = lacking.grants(roles, store.health.login())[-1].statement if roles else None
        yield Advice("info", "sight", what, granted, by="deployer")
        return
    for one in found:
        what = f"{one.what} ({one.sequence}): events were lost; say why in the reason"
        yield Advice(
            "error", "evidence", what, "artifactstore restored --reason 'events were lost'", by="operator"
        )


def _locks(health: Health) -> Iterator[Advice]:
    locks = health.append_locks()
    waiting = [lock for lock in locks if not lock["granted"]]
    longest = max((lock["seconds"] or 0.0 for lock in waiting), default=0.0)
    for lock in locks:
        # Without a process it is a prepared transaction: see there.
        if not lock["granted"] or lock["pid"] is None or max(lock["seconds"] or 0.0, longest) < LOCK_SECONDS:
            continue
        held = "" if lock["seconds"] is None else f" for {lock['seconds']:.0f} s"
        what = f"{_who(lock)} has the append lock{held}, {len(waiting)} wait"
        yield Advice("error", "append-lock", what, _terminate(lock), by="superuser")


def _transactions(health: Health) -> Iterator[Advice]:
    if not health.sees_sessions():
        what = "this login does not see what other sessions do: old transactions are not checked"
        granted = SQL("GRANT pg_read_all_stats TO {};").format(Identifier(health.login()))
        yield Advice("info", "sight", what, granted.as_string(None), by="superuser")
    # Those who have the append lock or wait for it are told with it: ending one session once is enough.
    of_the_lock = {lock["pid"] for lock in health.append_locks()}
    for one in health.old_transactions(IDLE_SECONDS):
        idle = str(one["state"]).startswith("idle in transaction")
        if one["pid"] in of_the_lock or (not idle and one["seconds"] < OLD_SECONDS):
            continue
        lasts = f"for {one['seconds']:.0f} s ({one['state']})"
        what = f"{_who(one)} is in a transaction {lasts}: vacuum cannot clean"
        yield Advice("warning", "transaction", what, _terminate(one), by="superuser")
    locked = any(lock["granted"] and lock["pid"] is None for lock in health.append_locks())
    for one in health.prepared_transactions():
        if locked or one["seconds"] >= IDLE_SECONDS:
            what = f"the transaction {one['gid']} is prepared for {one['seconds']:.0f} s: it keeps its locks"
            what += ", and it or another one the append lock" if locked else ""
            severity = "error" if locked else "warning"
            undone = SQL("ROLLBACK PREPARED {};").format(one["gid"]).as_string(None)
            yield Advice(severity, "prepared", what, undone, by="superuser")
    for one in health.idle_slots():
        kept = "" if one["bytes"] is None else f" and keeps {one['bytes']} bytes of WAL"
        name = one["name"]
        what = f"nobody uses the replication slot {name}{kept} ({one['wal_status']})"
        dropped = SQL("SELECT pg_drop_replication_slot({});").format(name).as_string(None)
        yield Advice("warning", "slot", what, dropped, by="superuser")


def _notifications(health: Health) -> Iterator[Advice]:
    queue = health.notify_queue()
    if queue["rings"]:
        return
    full = f"the server's queue of notifications is {queue['usage']:.0%} full"
    what = f"{full}: appends tell nobody, followers look from time to time; once it is, every NOTIFY fails"
    holders = health.notify_holders()
    if not holders:
        what += "; a session that listens and stays in a transaction keeps it, the server's log names one"
        yield Advice("error", "notifications", what)
    for one in holders:
        kept = f"{_who(one)} in {one['base']} may keep it: for {one['seconds']:.0f} s {one['state']}"
        fix = f"SELECT pg_terminate_backend({one['pid']});"
        yield Advice("error", "notifications", f"{what}; {kept}", fix, by="superuser")


def _projectors(health: Health) -> Iterator[Advice]:
    if health.views_are_stale():
        what = (
            "the live views were made by other projectors than those installed, or are about to be replaced"
        )
        yield Advice("error", "projectors", what, "artifactstore replay", by="operator")


def _leftovers(health: Health) -> Iterator[Advice]:
    for one in health.leftovers():
        if one["worker"] is not None:
            what = (
                f"a replay is under way in {one['name']}, in backend {one['worker']}: a dump beside it must "
            )
            what += "leave its tables out, which go away when it ends: --exclude-schema='artifactstore_*'"
            yield Advice("info", "replay", what)
        elif not one["used"]:
            what = f"the schema {one['name']} is left over from work that did not end"
            yield Advice("warning", "leftover", what, "artifactstore doctor --fix", one["name"], "operator")


def _guards(store: Store) -> Iterator[Advice]:
    for one in guards.differences(store):
        if one.kind in guards.PRIVILEGES:
            yield Advice("error", "privilege", one.what, one.fix, by=_who_repairs(one.fix))
        elif one.kind in guards.WHOLE and one.problem == "extra":
            yield Advice("warning", "stray", one.what, one.fix, by=_who_repairs(one.fix))
        else:
            yield Advice("error", "guard", one.what, one.fix, by=_who_repairs(one.fix))


def _privileges(health: Health) -> Iterator[Advice]:
    if not health.owner_makes_schemas():
        what = "the owner role may not create schemas in this database: verify and replay cannot work"
        yield Advice("error", "privilege", what, _MIGRATE, by="deployer")
    for one in health.members_of_owner():
        what = f"{one['member']} may act as {one['owner']}, who can write the log behind its functions"
        yield Advice("warning", "privilege", what, one["fix"], by="superuser")


def _copies(removals: Removals) -> Iterator[Advice]:
    counts = removals.removal_counts()
    least = "at least " if sum(counts.values()) == COUNTED else ""
    fix = "artifactstore location list --retiring"
    if counts["detach"]:
        what = (
            f"{least}{counts['detach']} copies that are retiring name bytes that other locations name, "
            f"too: they are to be retired as detached, the bytes stay; {counts['wait']} wait for that"
        )
        yield Advice("warning", "copies", what, fix, by="operator")
    if counts["remove"]:
        what = f"the bytes of {least}{counts['remove']} copies are to be removed: nothing names them any more"
        yield Advice("info", "copies", what, fix, by="operator")


def _keeper(store: Store, stores: StoresConfig) -> Iterator[Advice]:
    for severity, what, fix in keeper_findings(store, stores):
        yield Advice(severity, "keeper", what, fix, by="service")


def _unlocked(store: Store, stores: StoresConfig) -> Iterator[Advice]:
    """Stores that know nothing of what the log protects, unless it was said that this is right so."""
    silent = [name for name, one in stores.stores.items() if one.lock is None and not one.readonly]
    for one in store.locks.protected(silent) if silent else ():
        name, can = one["backend"], stores.stores[one["backend"]].type == "s3"
        says = 'lock = "mirror" puts it there, lock = "off"' if can else 'it cannot keep it; lock = "off"'
        what = (
            f"the log protects {one['packages']} packages; the store {name} has {one['bytes']} bytes of them "
            f"and knows nothing of it: {says} in stores.toml says that this is right so"
        )
        yield Advice("warning", "retention-not-in-store", what, by="service")


def _contents(health: Health) -> Iterator[Advice]:
    """What nobody can put right by a statement: which of two files is told wrongly, only their bytes say."""
    for one in health.contradictions(CONTRADICTIONS):
        value, other = (
            f"{one[name]} bytes" if one["what"] == "size" else one[name] for name in ("value", "other")
        )
        what = (
            f"{one['files']} files have {one['digest']} and not all of them the same {one['what']}: "
            f"{value} and {other}, files {one['ids'][0]} and {one['ids'][1]}; one of them is not what it "
            "says, and artifactstore check-files reads its copies again"
        )
        yield Advice("warning", "content", what)


def _settings(health: Health) -> Iterator[Advice]:
    for one in health.settings_off(list(_SETTINGS)):
        severity, harm = _SETTINGS[one["name"]]
        what = f"{one['name']} is off: {harm}"
        if one["source"] in _STARTED_WITH:
            yield Advice(severity, "setting", f"{what}; {_STARTED_WITH[one['source']].format(one['name'])}")
        else:
            yield Advice(severity, "setting", what, one["fix"], by="superuser")


def _disk(health: Health) -> Iterator[Advice]:
    sizes = health.sizes()
    what = ", ".join(f"{name.removesuffix('_bytes')} {value} bytes" for name, value in sizes.items())
    yield Advice("info", "size", what)
    directory = health.data_directory()
    if directory is None:
        return
    for place, free in _volumes(Path(directory)):
        if free < LITTLE_DISK:
            severity = "error" if free < NO_DISK else "warning"
            what = f"{free >> 20} MiB are free in {place}"
            yield Advice(severity, "disk", what, "see the runbook disk-full")


def _volumes(data: Path) -> Iterator[tuple[Path, int]]:
    """Where data, WAL and tablespaces are, each file system once, with the bytes that are free in it.

    Nothing if the server is on another machine, or where this process may not look.
    """
    seen = set()
    with suppress(OSError):
        if not (data / "PG_VERSION").exists():
            return
        for place in (data, data / "pg_wal", *sorted((data / "pg_tblspc").iterdir())):
            device = place.stat().st_dev
            if device not in seen:
                seen.add(device)
                yield place.resolve(), shutil.disk_usage(place).free


def _who_repairs(fix: str) -> Who | None:
    if fix.endswith(";"):
        return "superuser"
    return "deployer" if fix == _MIGRATE else None


def _terminate(session: dict[str, object]) -> str:
    return f"SELECT pg_terminate_backend({session['pid']});"


def _who(session: dict[str, object]) -> str:
    told = [str(session[name]) for name in ("login", "application") if session[name]]
    return f"backend {session['pid']}" + (f" ({', '.join(told)})" if told else "")
