"""What is put together of bytes is what an encoder makes: any event, and any page of a log, in both forms."""

from datetime import UTC, datetime, timedelta
from random import Random

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactstore import codec, leaves
from artifactstore.events import EVENT_TYPES, NewEvent
from artifactstore.events.times import from_micros, micros_text, time_text
from artifactstore.http.feed import encoding
from artifactstore.http.feed.encoding import CBOR, JSON, Form
from artifactstore.store import EventFilter, LoggedEvent, PageQuery, Store
from artifactstore.store.selection import FILTERED
from bench.database import copy_events, past_the_doors
from bench.workload import LogRow, realistic
from tests.http import plain_feed
from tests.http.running import Running
from tests.property.payloads import damaged, new_events, payloads

FORMS: tuple[Form, ...] = (JSON, CBOR)
PAGES = 150
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=255)
_MICROS = st.integers(leaves.FIRST_MICROS, leaves.LAST_MICROS)


def _typed(event: NewEvent) -> tuple[str, bytes]:
    return event.event.event_type, event.payload()


_CONTENTS = st.one_of(
    new_events().map(_typed),
    st.tuples(st.sampled_from(list(EVENT_TYPES)), payloads().map(codec.encode)),
    st.tuples(st.sampled_from([*EVENT_TYPES, "v1.never.was"]), st.binary(min_size=1, max_size=300)),
    new_events().map(_typed).flatmap(lambda one: st.tuples(st.just(one[0]), damaged(one[1]))),
)


@st.composite
def logged(draw: st.DrawFn) -> LoggedEvent:
    """Any row that the log could hold, damaged ones too."""
    event_type, payload = draw(_CONTENTS)
    own = codec.digest(payload)
    return LoggedEvent(
        draw(st.integers(1, 2**63 - 1)),
        datetime(1970, 1, 1, tzinfo=UTC) + draw(_MICROS) * timedelta(microseconds=1),
        event_type,
        draw(_TEXT),
        draw(st.none() | st.uuids()),
        draw(_TEXT),
        payload,
        draw(st.just(own) | st.binary(min_size=32, max_size=32)),
    )


@given(logged())
def test_an_event_has_the_bytes_of_an_encoder(event: LoggedEvent) -> None:
    row = leaves.columns(event)
    assert {form: encoding.ENCODE[form](row) for form in FORMS} == {
        form: plain_feed.ENCODE[form](event) for form in FORMS
    }
    assert leaves.from_columns(row) == event


@given(st.lists(logged(), max_size=5))
def test_some_events_have_the_bytes_of_each(events: list[LoggedEvent]) -> None:
    rows = list(map(leaves.columns, events))
    assert encoding.ENCODE_SOME[JSON](rows) == b",".join(map(plain_feed.json_event, events))
    assert encoding.ENCODE_SOME[CBOR](rows) == b"".join(map(plain_feed.cbor_event, events))


def test_a_payload_that_goes_on_in_the_next_is_none() -> None:
    whole = codec.encode({"purl": "pkg:generic/app@1.0", "reason": "r" * 40})
    parts = [whole[:20], whole[20:]]
    events = [
        LoggedEvent(1, from_micros(0), "v1.package.created", "package", None, "a:b", one, codec.digest(one))
        for one in parts
    ]
    found = encoding.ENCODE_SOME[JSON](list(map(leaves.columns, events)))
    assert found.count(b'"unreadable"') == 2


@pytest.mark.parametrize("value", [b"\xe0", b"\xf7", b"\xa1\x01\x01", b"\x81\xe1"])
def test_a_value_without_json_form_hides_no_other_event(value: bytes) -> None:
    """A simple value, undefined, a key that is no text: who owns the table can write them, digest and all."""
    good = codec.encode({"reason": "r"})
    events = [
        LoggedEvent(1, from_micros(0), "v1.package.yanked", "package", None, "a:b", one, codec.digest(one))
        for one in (good, b"\xa1freason" + value, good)
    ]
    rows = list(map(leaves.columns, events))
    found = encoding.ENCODE_SOME[JSON](rows)
    assert (
        found == b",".join(map(encoding.ENCODE[JSON], rows)) == b",".join(map(plain_feed.json_event, events))
    )
    assert [b'"unreadable"' in encoding.ENCODE[JSON](row) for row in rows] == [False, True, False]


@given(_MICROS)
def test_a_time_is_told_without_a_datetime(micros: int) -> None:
    assert micros_text(micros) == time_text(from_micros(micros))


def _logged(row: LogRow) -> LoggedEvent:
    digest = codec.digest(row.payload)
    about = row.event_type, row.subject_kind, row.subject_id
    return LoggedEvent(row.sequence, row.created_at, *about, row.actor, row.payload, digest)


@pytest.fixture
def log(service: Running, database: str) -> list[LoggedEvent]:
    """A log of many events, some of them as large as an event may be; the service has begun it."""
    assert service.url
    large = [codec.encode({"unknown": bytes(length)}) for length in (60_000,) * 90 + (65_000,) * 30]
    with psycopg.connect(database) as connection:
        begun = list(Store(connection).log.stored_events())
        rows = [_logged(row) for row in realistic(4_000)]
        rows[1_000:1_000] = [
            begun[-1]._replace(actor="user:é", payload=one, payload_digest=codec.digest(one)) for one in large
        ]
        numbered = enumerate(rows, len(begun) + 1)
        with past_the_doors(connection):
            copy_events(
                connection,
                (row._replace(sequence=number, created_at=begun[-1].created_at) for number, row in numbered),
            )
        return list(Store(connection).log.stored_events())


def _query(random: Random, log: list[LoggedEvent]) -> PageQuery:
    """A query that an event of the log, or two of them, may answer."""
    near = random.sample(log, 2)
    columns = random.sample(FILTERED, random.choice((0, 0, 1, 1, 2)))
    where = EventFilter(
        **{column: frozenset(getattr(one, column) for one in near) - {None} for column in columns}
    )
    since = random.choice((0, len(log), len(log) - 1_500, random.randrange(len(log))))
    until = random.choice((None, None, random.randrange(len(log) + 100)))
    return PageQuery(since, until, where, random.choice((1, 2, 100, 1000, random.randint(1, 1000))))


def _ask(client: httpx.Client, query: PageQuery, form: Form) -> httpx.Response:
    filters = {column: [str(value) for value in values] for column, values in query.where.chosen()}
    bounds = {"since": query.since, "limit": query.limit}
    until = {} if query.until is None else {"until": query.until}
    return client.get("/events", params={**bounds, **until, **filters}, headers={"Accept": form})


def test_any_page_has_the_bytes_of_an_encoder(service: Running, log: list[LoggedEvent]) -> None:
    with psycopg.connect(service.settings.database_url) as connection:
        position = Store(connection).identity.position()
    random, client = Random(20), service.client()  # noqa: S311 - reproducible
    for _ in range(PAGES):
        query, form = _query(random, log), random.choice(FORMS)
        answer = _ask(client, query, form)
        expected = plain_feed.plain_page(log, query, form, position)
        assert answer.content == expected.body, query
        told = answer.headers["Artifactstore-Next"], answer.headers["Artifactstore-Has-More"]
        assert told == (str(expected.next), str(expected.has_more).lower()), query
