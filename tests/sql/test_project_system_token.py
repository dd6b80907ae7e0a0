"""v1.system.token_issued and v1.system.token_revoked: in the log for the audit, in no view."""

import pytest

from artifactstore.events import Event, TokenIssued, TokenRevoked, new_id
from tests.sql.support import FAR, NOBODY, Log

EVENTS = [
    TokenIssued(token_id=new_id(), roles=("reader", "producer"), expires=FAR),
    TokenIssued(token_id=new_id()),
    TokenRevoked(token_id=new_id(), reason="lost"),
]


@pytest.mark.parametrize("event", EVENTS)
def test_no_view_changes(log: Log, event: Event) -> None:
    assert log.effect(log.log_id, event) == {}
    assert log.stored_head() == 2


@pytest.mark.parametrize("event", EVENTS)
def test_the_subject_must_be_the_log(log: Log, event: Event) -> None:
    log.refused("bad-subject", NOBODY, event)
