"""v1.retention.hold_placed: a hold is a row that stays, and a count on its package."""

from artifactstore.events import HoldPlaced, HoldReleased, PackageDeleted, new_id
from tests.sql.support import ANN, BOB, NOBODY, Log


def placed() -> HoldPlaced:
    """A new hold."""
    return HoldPlaced(hold_id=new_id(), case="case 7", reason="subpoena")


def test_a_hold_is_added(log: Log) -> None:
    package, event = log.package(), placed()
    assert log.effect(package, event, actor=BOB) == {
        "retention_holds": {
            (package, event.hold_id): {
                "package_id": package,
                "hold_id": event.hold_id,
                "case_ref": "case 7",
                "reason": "subpoena",
                "placed_by": BOB,
                "placed_at": log.time,
                "released_by": None,
                "released_at": None,
                "created_sequence": log.head,
                "last_sequence": log.head,
            }
        },
        "retention_state": {package: {"hold_count": 1, "last_actor": BOB, "last_sequence": log.head}},
    }


def test_holds_are_counted(log: Log) -> None:
    package = log.package()
    for _ in range(3):
        log.append(package, placed(), actor=ANN)
    assert log.rows("retention_state")[package]["hold_count"] == 3


def test_a_hold_id_is_used_once_per_package_even_after_its_release(log: Log) -> None:
    package, other, event = log.package("a"), log.package("b"), placed()
    log.append(package, event)
    log.refused("hold-exists", package, event)
    log.append(package, HoldReleased(hold_id=event.hold_id, reason="settled"))
    log.refused("hold-exists", package, event)
    log.append(other, event)
    assert log.rows("retention_state")[other]["hold_count"] == 1


def test_sealed_and_deleted_packages_are_held_and_purged_ones_not(log: Log) -> None:
    package = log.sealed("sealed")
    log.append(package, placed())
    deleted = log.package("deleted")
    log.append(deleted, PackageDeleted(reason="old"))
    log.append(deleted, placed())
    log.refused("purged", log.purged("purged"), placed())


def test_an_unknown_package_is_refused(log: Log) -> None:
    log.refused("not-found", NOBODY, placed())
