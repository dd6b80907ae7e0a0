"""v1.system.restored: the next epoch, and only the next."""

import pytest

from artifactstore.events import NewEvent, SystemRestored, new_id
from tests.sql.support import ANN, NOBODY, Log


def restored(epoch: int, from_sequence: int = 1) -> SystemRestored:
    """A new epoch."""
    return SystemRestored(epoch=epoch, epoch_id=new_id(), from_sequence=from_sequence, reason="disk died")


def test_an_epoch_is_added_for_each_restore(log: Log) -> None:
    for epoch in (2, 3):
        event = restored(epoch, from_sequence=log.head)
        assert log.effect(log.log_id, event) == {
            "log_epochs": {
                epoch: {
                    "epoch": epoch,
                    "epoch_id": event.epoch_id,
                    "log_id": log.log_id,
                    "first_sequence": log.head,
                    "reason": "disk died",
                    "created_sequence": log.head,
                    "last_sequence": log.head,
                }
            }
        }


@pytest.mark.parametrize("epoch", [3, 2**53 - 1])
def test_an_epoch_is_not_left_out(log: Log, epoch: int) -> None:
    log.refused("wrong-epoch", log.log_id, restored(epoch))


def test_an_epoch_begins_once(log: Log) -> None:
    log.append(log.log_id, restored(2))
    log.refused("wrong-epoch", log.log_id, restored(2))


def test_the_log_cannot_have_been_restored_from_its_future(log: Log) -> None:
    log.refused("wrong-epoch", log.log_id, restored(2, from_sequence=2))


def test_the_subject_must_be_the_log(log: Log) -> None:
    log.refused("bad-subject", NOBODY, restored(2))


def test_the_subject_must_not_be_missing(log: Log) -> None:
    """The table allows events of kind system without subject; no event type does."""

    def project_without_subject() -> None:
        log.insert(NewEvent(restored(2), None, ANN))
        log.project(2, 2)

    with log.unchanged():
        log.failure("bad-subject", project_without_subject)


def test_a_log_that_has_not_begun_is_not_restored(empty_log: Log) -> None:
    empty_log.refused_by_projector("not-found", empty_log.log_id, restored(2, from_sequence=0))
