"""Packages get the retention of the rules by whatever door they come, and the log alone says what they got."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
import pytest

from artifactstore.errors import ArtifactstoreError, Refused
from artifactstore.events import FileIngested, NewEvent, PackageCreated, Retention, models, new_id
from artifactstore.store import Store, prepare

ANN = "user:ann"
PURL = "pkg:npm/app@1.0"
RULE = models.PolicyRule(name="audit", mode="governance", days=400, purl_type="npm", labels={"audit": "2027"})
LABELS = {"audit": "2027"}

Door: TypeAlias = Callable[[Store, UUID, PackageCreated], object]


def _append(store: Store, package: UUID, event: PackageCreated) -> object:
    return store.writes.append([NewEvent(event, package, ANN)])


def _many(store: Store, package: UUID, event: PackageCreated) -> object:
    file = FileIngested(package_id=package, path="a", size=0, blake3=bytes(32), sha256=bytes(32))
    other = PackageCreated(purl="pkg:generic/other@1.0")
    return store.writes.append(
        [NewEvent(other, new_id(), ANN), NewEvent(event, package, ANN), NewEvent(file, new_id(), ANN)]
    )


def _commands(store: Store, package: UUID, event: PackageCreated) -> object:
    other = PackageCreated(purl="pkg:generic/other@1.0")
    commands = [[prepare(NewEvent(other, new_id(), ANN))], [prepare(NewEvent(event, package, ANN))]]
    outcomes, _ = store.writes.append_commands(commands, 2)
    for outcome in outcomes:
        if isinstance(outcome, ArtifactstoreError):
            raise outcome
    return outcomes


def _json(event: PackageCreated) -> str:
    payload: dict[str, object] = {"purl": event.purl, "labels": event.labels}
    if event.retention is not None:
        retention = event.retention
        payload["retention"] = {"mode": retention.mode, "until": retention.until.isoformat()}
    return json.dumps(payload)


def _as_json(store: Store, package: UUID, event: PackageCreated) -> object:
    return store.writes.append_json("v1.package.created", package, ANN, _json(event))


def _psql(store: Store, package: UUID, event: PackageCreated) -> object:
    return store.connection.execute(
        "SELECT artifactstore.append_json('v1.package.created', %s, %s::json)", (package, _json(event))
    ).fetchall()


DOORS: list[Door] = [_append, _many, _commands, _as_json, _psql]


@pytest.fixture
def store(database: str) -> Any:
    with psycopg.connect(database, autocommit=True) as connection:
        yield Store(connection)


def _set(store: Store, *rules: models.PolicyRule) -> int:
    if not store.log.head():
        store.writes.append([NewEvent(PackageCreated(purl="pkg:generic/first@1"), new_id(), ANN)])
    [set_] = store.writes.append([NewEvent(models.PoliciesSet(rules=rules), store.policies.log_id(), ANN)])
    return set_.sequence


@pytest.mark.parametrize("door", DOORS)
def test_a_package_that_a_rule_fits_has_its_retention(store: Store, door: Door) -> None:
    _set(store, RULE)
    before = datetime.now(UTC)
    package = new_id()
    door(store, package, PackageCreated(purl=PURL, labels=LABELS))
    retention = store.packages.retention(package)
    assert (retention["mode"], retention["policy"]) == ("governance", "audit")
    kept = retention["retain_until"] - before
    assert timedelta(days=400) - timedelta(seconds=5) < kept < timedelta(days=400, seconds=60)
    # What applied is in the event: views that are made of the log alone say the same.
    store.connection.execute("SELECT artifactstore.replay()")
    assert store.packages.retention(package) == retention


@pytest.mark.parametrize("door", DOORS)
def test_retention_of_the_command_goes_before_that_of_the_rules(store: Store, door: Door) -> None:
    _set(store, RULE)
    package, until = new_id(), datetime(2100, 1, 1, tzinfo=UTC)
    own = Retention(mode="compliance", until=until)
    door(store, package, PackageCreated(purl=PURL, labels=LABELS, retention=own))
    retention = store.packages.retention(package)
    assert (retention["mode"], retention["retain_until"], retention["policy"]) == ("compliance", until, None)


@pytest.mark.parametrize("door", DOORS)
def test_a_package_that_no_rule_fits_has_none(store: Store, door: Door) -> None:
    _set(store, RULE)
    package = new_id()
    door(store, package, PackageCreated(purl=PURL, labels={"audit": "2028"}))
    assert store.packages.retention(package)["mode"] == "none"


def test_the_version_of_the_rules_guards_them(store: Store) -> None:
    first = _set(store, RULE)
    log_id = store.policies.log_id()
    other = models.PoliciesSet(rules=())
    with pytest.raises(Refused) as refused:
        store.writes.append([NewEvent(other, log_id, ANN, first - 1)])
    assert (refused.value.code, refused.value.detail["actual"]) == ("changed", first)
    store.writes.append([NewEvent(other, log_id, ANN, first)])
    store.writes.append([NewEvent(models.PoliciesSet(rules=(RULE,)), log_id, ANN, 0)])
