"""Live rows of random packages against the log, while everything goes on."""

from random import Random

import pytest

from artifactstore.errors import BadInput, NotFound
from artifactstore.jobs.verify_online import verify_online
from artifactstore.store import Store
from tests.databases import Connect
from tests.replay.conftest import EVENTS, schemas, tamper


def test_equal_views_have_no_difference_and_nothing_is_left(history: Store) -> None:
    checked = verify_online(history, 120)
    assert checked.differences == []
    assert checked.packages > 40
    assert list(schemas(history)) == []


@pytest.mark.parametrize(
    ("view", "column", "statement"),
    [
        ("artifact_packages", "producer", "UPDATE {} SET producer = 'user:forged'"),
        ("artifact_files", "size", "UPDATE {} SET size = size + 1"),
        ("artifact_files", "(row)", "DELETE FROM {} WHERE removed_at IS NULL"),
        ("storage_locations", "checks", "UPDATE {} SET checks = checks + 1"),
        ("retention_state", "retain_until", "UPDATE {} SET retain_until = '2030-01-01Z'"),
        ("retention_holds", "(row)", "DELETE FROM {}"),
    ],
)
def test_what_was_changed_behind_the_log_is_found(
    history: Store, view: str, column: str, statement: str
) -> None:
    tamper(history, statement.format(f"artifactstore.{view}"))
    found = {(one.view, one.column) for one in verify_online(history, 100).differences}
    assert (view, column) in found or ("artifact_packages", "(events)") in found


def test_a_missing_package_is_found(history: Store) -> None:
    tamper(history, "DELETE FROM artifactstore.artifact_packages")
    assert verify_online(history, 20).differences


def test_the_service_may_and_readers_may_not(history: Store, connect: Connect) -> None:
    assert history.log.head() == EVENTS
    assert verify_online(Store(connect("service")), 5).differences == []
    assert verify_online(Store(connect("operator")), 5).differences == []
    with pytest.raises(Exception, match="permission denied"):
        verify_online(Store(connect("reader")), 5)


def test_it_sees_one_sequence_or_is_refused(history: Store) -> None:
    with pytest.raises(BadInput, match="REPEATABLE READ"):
        history.rebuilds.check_packages([], [])


def test_packages_of_many_events_can_be_left_out(history: Store) -> None:
    tamper(history, "UPDATE artifactstore.artifact_packages SET producer = 'user:forged'")
    connection = history.connection
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        packages = [package for package, _ in history.rebuilds.sample_packages(50)]
        assert history.rebuilds.check_packages(packages, [], 0) == []
        assert len({one.key for one in history.rebuilds.check_packages(packages, [])}) == len(packages)


def test_a_package_as_it_was(history: Store) -> None:
    """The same row as in the whole registry of that moment."""
    execute = history.connection.execute
    execute("SELECT artifactstore.begin_rebuild()")
    rng = Random(3)  # noqa: S311
    for sequence in sorted(rng.sample(range(200, EVENTS), 12)):
        execute("SELECT artifactstore.rebuild_next(%s)", (sequence,))
        rows = execute("SELECT package_id FROM artifactstore_rebuild.artifact_packages").fetchall()
        for (package_id,) in rng.sample(rows, 3):
            then = history.rebuilds.package_at(package_id, sequence)
            cursor = execute(
                "SELECT * FROM artifactstore_rebuild.artifact_packages WHERE package_id = %s", (package_id,)
            )
            assert tuple(then.values()) == cursor.fetchone()
    history.view_sets.drop_rebuild()
    assert list(schemas(history)) == []


def test_before_it_was_created_there_is_none(history: Store) -> None:
    [package] = history.connection.execute(
        "SELECT package_id, created_sequence FROM artifactstore.artifact_packages ORDER BY 2 DESC LIMIT 1"
    ).fetchall()
    assert history.rebuilds.package_at(package[0], package[1])["created_sequence"] == package[1]
    with pytest.raises(NotFound):
        history.rebuilds.package_at(package[0], package[1] - 1)
    with pytest.raises(NotFound, match=f"the log ends at {EVENTS}"):
        history.rebuilds.package_at(package[0], EVENTS + 1)
