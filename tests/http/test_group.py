"""Group append: many commands, one transaction, the outcome of one by one in arrival order."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg
import pytest

from artifactstore.errors import ArtifactstoreError
from artifactstore.events import (
    NewEvent,
    PackageCreated,
)
from artifactstore.http.web.metrics import REGISTRY
from artifactstore.http.write.group import Answered, GroupWriter
from artifactstore.http.write.group_append import GroupAppender, Run, Work
from artifactstore.store import Store, prepare
from tests.databases import Connect
from tests.sql.commands import Commands, one_by_one, views_of

_TERMINATE_WRITER = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'artifactstore writer' AND datname = current_database()
        AND wait_event_type = 'Lock'
    """


async def _together(
    conninfo: str, admin: psycopg.Connection, commands: Sequence[Work], wave: int = 1000
) -> list[Answered]:
    """Submit them in waves, while the log is locked, so that they go in groups as large as they may be."""
    writer = GroupWriter(GroupAppender(conninfo), lock_seconds=20, queue_commands=1000, queue_bytes=2**30)
    writer.start()
    answers: list[Answered] = []
    for start in range(0, len(commands), wave):
        admin.execute("BEGIN")
        admin.execute("LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE")
        queued = [writer.submit(work) for work in commands[start : start + wave]]
        await asyncio.sleep(0.05)
        admin.execute("COMMIT")
        answers += [await one.future for one in queued]
    await asyncio.to_thread(writer.stop, 5)
    return answers


def _plain(answer: Answered) -> Any:
    outcome, _ = answer
    if isinstance(outcome, ArtifactstoreError):
        return outcome.code
    return [(row.sequence, row.appended) for row in outcome]


@pytest.mark.parametrize("seed", range(8))
def test_groups_have_the_outcome_ofone_by_one(
    seed: int, database: str, copy_of: Callable[[], str], admin: psycopg.Connection
) -> None:
    """60 commands each, a third of them refused; outcomes, events and views are the same."""
    commands = Commands(seed).make(60)
    other = copy_of()
    expected = one_by_one(other, commands)
    works = [Work([prepare(event) for event in events]) for events in commands]
    answers = asyncio.run(_together(database, admin, works, wave=20))
    assert [_plain(answer) for answer in answers] == expected
    assert 5 < sum(isinstance(outcome, str) for outcome in expected) < 50
    with psycopg.connect(other) as connection:
        assert views_of(admin) == views_of(connection)


def test_commands_that_wait_are_one_transaction(database: str, admin: psycopg.Connection) -> None:
    works = [
        Work([prepare(NewEvent(PackageCreated(purl=f"pkg:generic/{n}@1"), UUID(int=n + 1), "user:a"))])
        for n in range(50)
    ]
    before = REGISTRY.get_sample_value("artifactstore_group_commands_count") or 0
    answers = asyncio.run(_together(database, admin, works))
    sequences = [row.sequence for outcome, _ in answers for row in outcome]  # type: ignore[union-attr]
    assert sequences == list(range(2, 52))
    # All but what went before the log was locked waited for it.
    assert (REGISTRY.get_sample_value("artifactstore_lock_wait_seconds_sum") or 0) > 0.01
    # The first may go alone, before the others arrived.
    assert (REGISTRY.get_sample_value("artifactstore_group_commands_count") or 0) - before <= 2


def test_a_command_with_a_job_has_a_transaction_of_its_own(database: str, admin: psycopg.Connection) -> None:
    """A job that fails undoes what it did, and its neighbours are appended."""
    package = NewEvent(PackageCreated(purl="pkg:generic/job@1"), UUID(int=1), "user:a")
    neighbour = NewEvent(PackageCreated(purl="pkg:generic/neighbour@1"), UUID(int=2), "user:a")

    def job(store: Store) -> Any:
        store.writes.append([package])
        raise ArtifactstoreError("internal")

    works = [Work(job=job), Work([prepare(neighbour)])]
    answers = asyncio.run(_together(database, admin, works))
    assert [_plain(answer) for answer in answers] == ["internal", [(2, True)]]


def test_lost_connections_before_the_commit_cost_nothing(database: str, admin: psycopg.Connection) -> None:
    """Terminated while it waits for the lock: the group is appended by a new connection."""
    event = NewEvent(PackageCreated(purl="pkg:generic/a@1"), UUID(int=1), "user:a")

    async def run() -> Answered:
        writer = GroupWriter(GroupAppender(database), lock_seconds=20, queue_commands=9, queue_bytes=2**20)
        writer.start()
        admin.execute("BEGIN")
        admin.execute("LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE")
        queued = writer.submit(Work([prepare(event)]))
        with psycopg.connect(database, autocommit=True) as killer:
            while not killer.execute(_TERMINATE_WRITER).fetchall():
                await asyncio.sleep(0.02)
        admin.execute("COMMIT")
        answer = await queued.future
        await asyncio.to_thread(writer.stop, 5)
        return answer

    assert _plain(asyncio.run(run())) == [(2, True)]


def test_refusals_are_told_with_the_place_in_their_own_command(connect: Connect, database: str) -> None:
    connect()
    good = prepare(NewEvent(PackageCreated(purl="pkg:generic/a@1"), UUID(int=1), "user:a"))
    bad = prepare(NewEvent(PackageCreated(purl="pkg:generic/B@1?b=1&a=1"), UUID(int=2), "user:a"))
    appender = GroupAppender(database)
    outcomes, position = appender.run(
        [Work([good]), Work([bad])], time.monotonic() + 5, wanted=lambda: True, run=Run()
    )
    appender.close()
    assert isinstance(outcomes[1], ArtifactstoreError)
    assert (outcomes[1].code, outcomes[1].detail["position"]) == ("invalid-purl", 1)
    assert position is not None
    assert position.head == 2
