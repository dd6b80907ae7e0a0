"""v1.system.initialized: only as the first event, about the log that it names."""

from artifactstore.events import NewEvent, PackageCreated, SystemInitialized, new_id
from tests.sql.support import ANN, NOBODY, Log, difference


def test_the_first_epoch_is_made_and_nothing_else(empty_log: Log) -> None:
    assert empty_log.effect(empty_log.log_id, empty_log.beginning()) == {
        "log_epochs": {
            1: {
                "epoch": 1,
                "epoch_id": empty_log.epoch_id,
                "log_id": empty_log.log_id,
                "first_sequence": 1,
                "reason": None,
                "created_sequence": 1,
                "last_sequence": 1,
            }
        }
    }


def test_the_first_append_to_an_empty_log_begins_it(empty_log: Log) -> None:
    before = empty_log.views()
    empty_log.append(new_id(), PackageCreated(purl="pkg:generic/a@1"))
    [epoch] = difference(before, empty_log.views())["log_epochs"].values()
    assert (empty_log.head, epoch["epoch"], epoch["first_sequence"], epoch["reason"]) == (2, 1, 1, None)
    assert empty_log.query(
        "SELECT event_type, subject_kind, subject_id, actor, payload FROM artifactstore.event_log"
        " WHERE sequence = 1"
    ) == [
        {
            "event_type": "v1.system.initialized",
            "subject_kind": "system",
            "subject_id": epoch["log_id"],
            "actor": "system:artifactstore",
            "payload": {
                "epoch": 1,
                "epoch_id": str(epoch["epoch_id"]),
                "log_id": str(epoch["log_id"]),
                "payload_profile": "AS-CBOR/1",
            },
        }
    ]


def test_a_log_begins_once(log: Log) -> None:
    log.refused("already-initialized", log.log_id, log.beginning())
    other = SystemInitialized(log_id=new_id(), epoch=1, epoch_id=new_id(), payload_profile="AS-CBOR/1")
    log.refused("already-initialized", other.log_id, other)


def test_the_subject_must_be_the_log_that_the_payload_names(empty_log: Log) -> None:
    empty_log.refused("bad-subject", NOBODY, empty_log.beginning())


def test_the_subject_must_not_be_missing(empty_log: Log) -> None:
    """The table allows events of kind system without subject; no event type does."""

    def project_without_subject() -> None:
        empty_log.insert(NewEvent(empty_log.beginning(), None, ANN))
        empty_log.project(1, 1)

    with empty_log.unchanged():
        empty_log.failure("bad-subject", project_without_subject)
