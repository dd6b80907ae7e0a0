"""F06: everything in the database that names a sequence is evidence of events that the log lost."""

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from artifactstore.errors import Refused
from artifactstore.events import HoldPlaced, PoliciesSet, PolicyRule, TokenIssued, TokenRevoked, new_id
from artifactstore.jobs import snapshots
from artifactstore.store import Evidence, Store
from tests.databases import Connect
from tests.log.door import about, append, created, id_of, ingested, request

VIEWS = ("artifact_packages", "artifact_files", "storage_locations", "retention_state", "retention_holds",
         "retention_policies", "requests", "log_epochs")  # fmt: skip


def issue(store: Store) -> TokenIssued:
    event = TokenIssued(token_id=new_id(), roles=("reader",))
    store.tokens.issue_token(event, "user:ann", "user:bob", bytes(32))
    return event


def cut(superuser: psycopg.Connection, after: int, *views: str) -> None:
    """A superuser takes the end of the log away, and out of these views."""
    unguarded(superuser, "events", SQL("DELETE FROM artifactstore.events WHERE sequence > {}").format(after))
    for view in views:
        statement = SQL("DELETE FROM {} WHERE last_sequence > {}")
        unguarded(superuser, view, statement.format(Identifier("artifactstore", view), after))


def unguarded(superuser: psycopg.Connection, table: str, statement: Any) -> None:
    """Run a statement with the triggers of a table off."""
    name = Identifier("artifactstore", table)
    query = "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal"
    guards = superuser.execute(query, (f"artifactstore.{table}",)).fetchall()
    with superuser.transaction():
        superuser.execute(SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
        superuser.execute(statement)
        for (guard,) in guards:
            enable = SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}")
            superuser.execute(enable.format(name, Identifier(guard)))


def sources(found: Sequence[Evidence]) -> list[tuple[str, int]]:
    return [(one.source, one.sequence) for one in found]


def test_f06_a_good_log_has_none(connect: Connect) -> None:
    store = Store(connect())
    assert store.identity.evidence() == []
    append(store.connection, created())
    token = issue(store)
    store.tokens.revoke_token(TokenRevoked(token_id=token.token_id), "user:ann")
    snapshots.create(store)
    store.view_sets.as_of("past", 2, None)
    store.connection.execute("SELECT artifactstore.begin_rebuild()")
    store.connection.execute("SELECT artifactstore.rebuild_next()")
    store.identity.adopt()
    assert store.identity.evidence() == []
    store.identity.restored("a drill")
    append(store.connection, created())
    assert store.identity.evidence() == []


def test_f06_token_events_that_were_cut_off_are_named_by_the_tokens(connect: Connect) -> None:
    """They change no view: nothing else knows of them."""
    store = Store(connect())
    append(store.connection, created())
    first, second = issue(store), issue(store)
    store.tokens.revoke_token(TokenRevoked(token_id=first.token_id), "user:ann")
    cut(store.connection, 2)
    found = store.identity.evidence()
    assert sources(found) == [("tokens", 3), ("tokens", 4), ("tokens", 5)]
    assert [one.name for one in found] == [str(token.token_id) for token in (first, second, first)]
    assert [one.problem.split()[0] for one in found] == [
        "issued_sequence",
        "issued_sequence",
        "revoked_sequence",
    ]
    # Other events in their places are no better.
    append(store.connection, created(), created(), created())
    assert sources(store.identity.evidence()) == [("tokens", 3), ("tokens", 4), ("tokens", 5)]


COLUMNS = """
    SELECT c.oid::regclass::text, a.attname
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace::regnamespace::text IN ('artifactstore', 'artifactstore_rebuild') AND c.relkind = 'r'
        AND a.atttypid = 'bigint'::regtype AND a.attname LIKE '%%sequence%%' AND a.attnum > 0
        AND c.oid <> 'artifactstore.events'::regclass
        AND (c.relnamespace::regnamespace::text = 'artifactstore' OR c.relname = 'progress')
    ORDER BY 1, 2
    """


def test_f06_every_column_that_names_a_sequence_is_asked(connect: Connect) -> None:
    """A new one must be in log_evidence: each is made to name an event after the end of the log."""
    superuser = connect()
    store = Store(superuser)
    append(superuser, created())
    token = issue(store)
    store.tokens.revoke_token(TokenRevoked(token_id=token.token_id), "user:ann")
    package = created(request=request("key"))
    hold = HoldPlaced(hold_id=new_id(), case="c", reason="r")
    append(superuser, package, ingested(id_of(package), "a"), about(package, hold))
    rule = PolicyRule(name="r", mode="governance", days=1)
    store.policies.set(PoliciesSet(rules=(rule,)), "user:ann")
    snapshots.create(store)
    superuser.execute("SELECT artifactstore.begin_rebuild()")
    superuser.execute("SELECT artifactstore.rebuild_next()")
    store.identity.adopt()
    assert store.identity.evidence() == []

    found = superuser.execute(COLUMNS).fetchall()
    assert len(found) >= 16 + 5
    for table, column in found:
        schema, name = table.split(".")
        with superuser.transaction(force_rollback=True):
            statement = SQL("UPDATE {} SET {} = 1000").format(Identifier(schema, name), Identifier(column))
            if name in VIEWS:
                superuser.execute("SELECT set_config('artifactstore.projecting', 'on', true)")
            superuser.execute(statement)
            [evidence] = store.identity.evidence()
            source = (evidence.source, evidence.name) if name in VIEWS else (evidence.source, None)
            assert source == (("views", name) if name in VIEWS else (name, None)), (table, column)
            assert evidence.sequence == 1000
            assert name in VIEWS or evidence.problem.startswith(column)


@pytest.mark.parametrize("source", ["view_sets", "progress", "home"])
def test_f06_another_event_in_its_place_is_seen(connect: Connect, source: str) -> None:
    superuser = connect()
    store = Store(superuser)
    append(superuser, created())
    if source == "view_sets":
        snapshots.create(store)
    elif source == "progress":
        superuser.execute("SELECT artifactstore.begin_rebuild()")
        superuser.execute("SELECT artifactstore.rebuild_next()")
    else:
        store.identity.adopt()
    assert store.identity.evidence() == []
    unguarded(superuser, "events", b"UPDATE artifactstore.events SET actor = 'user:eve' WHERE sequence = 2")
    assert sources(store.identity.evidence()) == [(source, 2)]


def test_f06_adopt_is_refused_where_events_were_lost_and_restored_tells_which(connect: Connect) -> None:
    superuser = connect()
    store = Store(superuser)
    append(superuser, created(), created(), created())
    issue(store)
    cut(superuser, 3, "artifact_packages", "retention_state")
    with pytest.raises(Refused) as lost:
        store.identity.adopt()
    assert (lost.value.code, lost.value.exit_code) == ("events-lost", 3)
    assert (lost.value.detail["source"], lost.value.detail["named"]) == ("tokens", 5)
    assert "restored" in lost.value.hint
    store.identity.restored("a drill")
    assert store.identity.epochs()[-1].from_sequence == 3
    # It is told, so it is no finding any more; the log may be moved again.
    assert store.identity.evidence() == []
    store.identity.adopt()


def test_f06_what_is_lost_after_a_restore_is_not_taken_for_told(connect: Connect) -> None:
    superuser = connect()
    store = Store(superuser)
    append(superuser, created())
    store.identity.restored("a drill")
    issue(store)
    cut(superuser, 3)
    assert sources(store.identity.evidence()) == [("tokens", 4)]


def test_f05_restored_takes_the_fork_point_and_no_later_one_than_can_be(connect: Connect) -> None:
    """Ten events that came after the restore are no shared ones."""
    superuser = connect()
    store = Store(superuser)
    append(superuser, *(created() for _ in range(9)))
    snapshots.create(store)
    assert store.log.head() == 10
    cut(superuser, 5, "artifact_packages", "retention_state")
    append(superuser, *(created() for _ in range(9)))
    assert store.log.head() == 14
    for late in (10, 14):
        with pytest.raises(Refused) as refusal:
            store.identity.restored("a drill", last_shared=late)
        assert (refusal.value.code, refusal.value.detail["at_most"]) == ("events-lost", 9)
    list(snapshots.prune(store, 0))
    for wrong, code in ((15, "not-found"), (0, "bad-payload"), (-1, "bad-payload")):
        with pytest.raises(Exception, match=code):
            store.identity.restored("a drill", last_shared=wrong)
    store.identity.restored("a drill", last_shared=5)
    assert store.identity.epochs()[-1].from_sequence == 5
    assert store.log.head() == 15


def test_f05_without_a_fork_point_it_is_the_last_that_nothing_speaks_against(connect: Connect) -> None:
    superuser = connect()
    store = Store(superuser)
    append(superuser, *(created() for _ in range(9)))
    snapshots.create(store)
    cut(superuser, 5, "artifact_packages", "retention_state")
    append(superuser, *(created() for _ in range(9)))
    store.identity.restored("a drill")
    assert store.identity.epochs()[-1].from_sequence == 9


def test_f06_views_that_name_later_events_must_be_replayed_first(connect: Connect) -> None:
    superuser = connect()
    store = Store(superuser)
    append(superuser, *(created() for _ in range(4)))
    cut(superuser, 3)
    assert sources(store.identity.evidence()) == [("views", 4), ("views", 4)]
    with pytest.raises(Exception, match="views-behind"):
        store.identity.restored("a drill")
    store.rebuilds.replay()
    store.identity.restored("a drill")


def test_f06_who_may_ask(connect: Connect) -> None:
    for role in ("service", "operator"):
        assert Store(connect(role)).identity.evidence() == []
    for role in ("reader", "writer"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connect(role).execute("SELECT artifactstore.log_evidence()")
