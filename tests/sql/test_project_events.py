"""Every event type of the catalogue has a projector, and an unknown one stops the fold."""

import json

import psycopg
import pytest

from artifactstore.errors import ERRORS
from artifactstore.events import EVENT_TYPES
from tests.sql.support import NOBODY, Log


def test_every_type_of_the_catalogue_has_a_projector(log: Log) -> None:
    types = [row["event_type"] for row in log.query("SELECT event_type FROM artifactstore.event_types")]
    assert set(types) == set(EVENT_TYPES)
    log.set("search_path", "artifactstore, pg_temp")
    with log.unchanged(), log.guard_off():
        for event_type in types:
            log.query("SELECT artifactstore.project_events(%s, '{}')", event_type)


@pytest.mark.parametrize("event_type", ["v2.package.created", "v1.package.exploded", ""])
def test_an_unknown_type_stops_and_is_named(log: Log, event_type: str) -> None:
    with pytest.raises(psycopg.Error) as caught, log.connection.transaction():
        log.query(
            "SELECT artifactstore.project_events(%s, ARRAY[ROW(7, now(), %s, %s, 'user:ann', '{}')]"
            "::artifactstore.decoded_event[])",
            event_type,
            event_type,
            NOBODY,
        )
    assert caught.value.sqlstate == ERRORS["unknown-event-type"].sqlstate
    detail = json.loads(caught.value.diag.message_detail or "")
    assert (detail["sequence"], detail["event_type"]) == (7, event_type)
