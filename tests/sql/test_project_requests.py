"""Idempotency keys that events carry: a row each, one per actor and key."""

from artifactstore.codec import digest
from artifactstore.events import Event, NewEvent, PackageCreated, PackageLabeled, Request, TokenIssued, new_id
from tests.sql.support import ANN, BOB, Log, difference


def request(key: str, content: bytes = b"body", events: int = 1) -> Request:
    """A request of some content."""
    return Request(key=key, digest=digest(content), events=events)


def test_a_request_of_several_events_is_one_row(log: Log) -> None:
    package = new_id()
    before = log.views()
    log.append_all(
        [
            NewEvent(PackageCreated(purl="pkg:generic/a@1"), package, ANN, request=request("k", events=2)),
            NewEvent(PackageLabeled(set={"a": "1"}), package, ANN),
        ]
    )
    assert difference(before, log.views())["requests"] == {
        (ANN, "k"): {
            "actor": ANN,
            "key": "k",
            "digest": digest(b"body"),
            "first_sequence": 2,
            "events": 2,
            "created_sequence": 2,
            "last_sequence": 2,
        }
    }


def test_a_key_belongs_to_its_actor_and_its_bytes(log: Log) -> None:
    for actor, key in ((ANN, "k"), (BOB, "k"), (ANN, "K"), (ANN, "k ")):
        log.append_all([NewEvent(_token(), log.log_id, actor, request=request(key))])
    assert log.rows("requests").keys() == {(ANN, "k"), (BOB, "k"), (ANN, "K"), (ANN, "k ")}


def test_a_key_that_the_log_has_twice_stops_a_replay(log: Log) -> None:
    log.append_all([NewEvent(_token(), log.log_id, ANN, request=request("k"))])

    def project_again() -> None:
        log.insert(NewEvent(_token(), log.log_id, ANN, request=request("k")))
        log.project(log.head, log.head)

    with log.unchanged():
        assert log.failure("request-mismatch", project_again)["sequence"] == log.head + 1


def test_a_key_twice_in_one_range_is_refused_at_the_second(log: Log) -> None:
    def project_both() -> None:
        for _ in range(2):
            log.insert(NewEvent(_token(), log.log_id, ANN, request=request("k")))
        log.insert(NewEvent(_token(), log.log_id, ANN))
        log.project(2, 4)

    with log.unchanged():
        assert log.failure("request-mismatch", project_both)["sequence"] == 3


def _token() -> Event:
    return TokenIssued(token_id=new_id())
