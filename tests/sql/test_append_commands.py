"""append_commands: the commands of several clients in one call, each all or nothing."""

from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest

from artifactstore import codec
from artifactstore.errors import ArtifactstoreError, BadInput
from artifactstore.events import NewEvent, PackageCreated, PackageLabeled, new_id
from artifactstore.store import Outcome, PreparedEvent, Store, prepare
from tests.databases import Connect
from tests.sql.commands import Commands, one_by_one, views_of


def created(purl: str, package: UUID | None = None, expected: int | None = None) -> PreparedEvent:
    return prepare(NewEvent(PackageCreated(purl=purl), package or new_id(), "user:a", expected))


def codes(outcomes: list[Outcome]) -> list[object]:
    """Sequences of a command, or the code of its refusal."""
    return [
        outcome.code if isinstance(outcome, ArtifactstoreError) else [row.sequence for row in outcome]
        for outcome in outcomes
    ]


@pytest.mark.parametrize("together", [1, 2, 5, 100])
@pytest.mark.parametrize("seed", range(20, 24))
def test_outcomes_are_those_of_one_by_one(
    seed: int, together: int, connect: Connect, copy_of: Callable[[], str]
) -> None:
    """However many are tried at once; groups end where a command must be judged after an earlier one."""
    commands = Commands(seed).make(50)
    other = copy_of()
    expected = one_by_one(other, commands)
    store = Store(connect("service"))
    found: list[object] = []
    group: list[list[PreparedEvent]] = []
    for events in [*commands, None]:
        prepared = [prepare(event) for event in events or ()]
        apart = any(one.expected is not None or one.request_key is not None for one in prepared)
        if group and (events is None or apart):
            found += store.writes.append_commands(group, together)[0]
            group = []
        group.append(prepared)
        if apart:
            found += store.writes.append_commands(group, together)[0]
            group = []
    plain = [
        outcome.code
        if isinstance(outcome, ArtifactstoreError)
        else [(row.sequence, row.appended) for row in outcome]  # type: ignore[attr-defined]
        for outcome in found
    ]
    assert plain == expected
    with psycopg.connect(other) as connection:
        assert views_of(connect()) == views_of(connection)


def test_it_tells_where_the_log_stands(connect: Connect) -> None:
    store = Store(connect("service"))
    outcomes, standing = store.writes.append_commands(
        [[created("pkg:generic/a@1")], [created("pkg:generic/a@1")]], 9
    )
    assert codes(outcomes) == [[2], "name-taken"]
    assert standing.position == store.identity.position()
    assert 0 <= standing.lock_wait < 1


def test_what_the_door_refuses_is_told_with_its_place_in_the_command(connect: Connect) -> None:
    """Bytes, text, expected version and clock are judged at the door, of each command alone."""
    store = Store(connect("service"))
    good, changed = created("pkg:generic/a@1"), created("pkg:generic/d@1", expected=7)
    bad = good._replace(payload=b"\xa1", digest=codec.digest(b"\xa1"))
    commands = [[good], [created("pkg:generic/b@1"), created("pkg:Generic/B@1")], [bad], [changed]]
    outcomes, standing = store.writes.append_commands([*commands, [created("pkg:generic/e@1")]], 100)
    assert codes(outcomes) == [[2], "invalid-purl", "bad-payload", "changed", [3]]
    assert standing.position.head == 3
    refusal = outcomes[1]
    assert isinstance(refusal, ArtifactstoreError)
    assert refusal.detail["position"] == 2


def test_a_log_does_not_begin_with_a_refusal(connect: Connect) -> None:
    observer = connect()
    label = prepare(NewEvent(PackageLabeled(set={"a": "b"}), new_id(), "user:a"))
    outcomes, standing = Store(connect("service")).writes.append_commands([[label], [label]], 1)
    assert codes(outcomes) == ["not-found", "not-found"]
    assert standing.position.head == 0
    assert observer.execute("SELECT count(*) FROM artifactstore.events").fetchone() == (0,)
    assert observer.execute("SELECT count(*) FROM artifactstore.log_epochs").fetchone() == (0,)


@pytest.mark.parametrize(
    ("lasts", "together"),
    [([1], 1), ([], 1), (None, 1), ([2], 0), ([2], None), ([2, 1, 2], 1), ([0, 2], 1), ([None, 2], 1)],
)
def test_commands_must_divide_the_events(
    connect: Connect, lasts: list[int | None] | None, together: int | None
) -> None:
    one, two = created("pkg:generic/a@1"), created("pkg:generic/b@1")
    call = "SELECT artifactstore.append_commands(%s, %s, %s, %s, %s, NULL, %s::integer[], %s)"
    observer = connect()
    with pytest.raises(psycopg.Error, match="bad-payload"):
        observer.execute(
            call,
            (
                [e.event_type for e in (one, two)], [e.subject_id for e in (one, two)], ["user:a"] * 2,
                [e.payload for e in (one, two)], [bytes(32)] * 2, lasts, together,
            ),
        )  # fmt: skip
    assert observer.execute("SELECT artifactstore.log_head()").fetchone() == (0,)


def test_an_actor_that_cannot_be_is_refused_before_the_database(connect: Connect) -> None:
    event = prepare(NewEvent(PackageCreated(purl="pkg:generic/a@1"), new_id(), "user:a"))
    spoiled = event._replace(actor="user:\0")
    with pytest.raises(BadInput, match="bad-actor"):
        Store(connect("service")).writes.append_commands([[spoiled]], 1)
