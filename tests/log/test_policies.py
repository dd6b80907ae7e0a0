"""Packages get the retention of the rules by whatever door they come; the log alone says what they got."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
import pytest

from artifactstore.errors import Refused
from artifactstore.events import FileIngested, NewEvent, PackageCreated, Retention, models, new_id
from artifactstore.store import Store

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


DOORS: list[Door] = [_append, _many, _as_json, _psql]


@pytest.fixture
def store(database: str) -> Any:
    with psycopg.connect(database, autocommit=True) as connection:
        yield Store(connection)


def _set(store: Store, *rules: models.PolicyRule) -> int:
    return store.policies.set(models.PoliciesSet(rules=rules), ANN).sequence


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
    nothing = models.PoliciesSet(rules=())
    with pytest.raises(Refused):
        store.policies.set(nothing, ANN, 7)
    first = store.policies.set(models.PoliciesSet(rules=(RULE,)), ANN, 0).sequence
    with pytest.raises(Refused) as refused:
        store.policies.set(nothing, ANN, first - 1)
    assert (refused.value.code, refused.value.detail["actual"]) == ("changed", first)
    store.policies.set(nothing, ANN, first)
    store.policies.set(models.PoliciesSet(rules=(RULE,)), ANN, 0)


def test_two_who_set_rules_at_once_do_not_overwrite_each_other(store: Store, database: str) -> None:
    first = _set(store, RULE)
    with psycopg.connect(database, autocommit=True) as connection:
        other = Store(connection)
        with ThreadPoolExecutor(1) as pool:
            with store.connection.transaction():
                store.policies.set(models.PoliciesSet(rules=()), ANN, first)
                late = pool.submit(other.policies.set, models.PoliciesSet(rules=(RULE,)), "user:bob", first)
                sleep(0.2)
                assert not late.done()
            with pytest.raises(Refused) as refused:
                late.result(10)
    assert refused.value.code == "changed"
