"""v1.retention.hold_released: the row stays and says who ended it and when."""

from artifactstore.events import HoldPlaced, HoldReleased, new_id
from tests.sql.support import BOB, NOBODY, Log


def test_the_hold_is_released(log: Log) -> None:
    package, first, second = log.package(), new_id(), new_id()
    for hold in (first, second):
        log.append(package, HoldPlaced(hold_id=hold, case="case 7", reason="subpoena"))
    assert log.effect(package, HoldReleased(hold_id=first, reason="settled"), actor=BOB) == {
        "retention_holds": {
            (package, first): {"released_by": BOB, "released_at": log.time, "last_sequence": log.head}
        },
        "retention_state": {package: {"hold_count": 1, "last_actor": BOB, "last_sequence": log.head}},
    }
    assert log.rows("retention_holds")[package, first]["reason"] == "subpoena"


def test_a_hold_is_released_once(log: Log) -> None:
    package, hold = log.package(), new_id()
    log.append(package, HoldPlaced(hold_id=hold, case="case 7", reason="subpoena"))
    log.append(package, HoldReleased(hold_id=hold, reason="settled"))
    log.refused("no-such-hold", package, HoldReleased(hold_id=hold, reason="settled"))


def test_a_hold_of_another_package_is_no_hold_of_this(log: Log) -> None:
    package, other, hold = log.package("a"), log.package("b"), new_id()
    log.append(other, HoldPlaced(hold_id=hold, case="case 7", reason="subpoena"))
    log.refused("no-such-hold", package, HoldReleased(hold_id=hold, reason="settled"))


def test_an_unknown_package_is_refused(log: Log) -> None:
    log.refused("not-found", NOBODY, HoldReleased(hold_id=new_id(), reason="settled"))
