"""v1.package.labeled: labels are merged, and an event that changes none is refused."""

import pytest

from artifactstore.events import PackageCreated, PackageDeleted, PackageLabeled, new_id
from tests.sql.support import BOB, NOBODY, Log


def test_labels_are_set_changed_and_unset(log: Log) -> None:
    package = new_id()
    log.append(
        package, PackageCreated(purl="pkg:generic/a@1", labels={"keep": "1", "change": "1", "drop": "1"})
    )
    event = PackageLabeled(set={"change": "2", "add": ""}, unset=("drop", "never there"))
    assert log.effect(package, event, actor=BOB) == {
        "artifact_packages": {
            package: {"labels": {"keep": "1", "change": "2", "add": ""}, "last_sequence": log.head}
        }
    }


def test_a_label_in_both_is_set(log: Log) -> None:
    package = log.package()
    log.append(package, PackageLabeled(set={"a": "1"}, unset=("a",)))
    assert log.rows("artifact_packages")[package]["labels"] == {"a": "1"}


@pytest.mark.parametrize("state", ["sealed", "deleted"])
def test_packages_are_labeled_until_they_are_purged(log: Log, state: str) -> None:
    package = log.sealed()
    if state == "deleted":
        log.append(package, PackageDeleted(reason="old"))
    log.append(package, PackageLabeled(set={"a": "1"}))
    assert log.rows("artifact_packages")[package]["labels"] == {"a": "1"}


@pytest.mark.parametrize(
    "event",
    [
        PackageLabeled(),
        PackageLabeled(set={}, unset=()),
        PackageLabeled(set={"a": "1"}),
        PackageLabeled(unset=("b",)),
        PackageLabeled(set={"a": "1"}, unset=("a", "b")),
    ],
)
def test_an_event_that_changes_no_label_is_refused(log: Log, event: PackageLabeled) -> None:
    package = new_id()
    log.append(package, PackageCreated(purl="pkg:generic/a@1", labels={"a": "1"}))
    log.refused("nothing-to-do", package, event)


def test_a_purged_package_is_refused_before_its_labels_are_looked_at(log: Log) -> None:
    log.refused("purged", log.purged(), PackageLabeled())


def test_an_unknown_package_is_refused(log: Log) -> None:
    log.refused("not-found", NOBODY, PackageLabeled(set={"a": "1"}))


def test_a_package_has_at_most_256_labels(log: Log) -> None:
    package = new_id()
    labels = {f"l{n}": "x" for n in range(255)}
    log.append(package, PackageCreated(purl="pkg:generic/a@1", labels=labels))
    log.append(package, PackageLabeled(set={"l255": "x"}))
    log.refused("too-large", package, PackageLabeled(set={"l256": "x"}))
    log.append(package, PackageLabeled(set={"l256": "x"}, unset=("l0",)))
    assert len(log.rows("artifact_packages")[package]["labels"]) == 256
