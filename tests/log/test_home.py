"""A copy of the log is not written to by accident: home, adopt, restored."""

from collections.abc import Callable, Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from artifactstore.errors import ArtifactstoreError
from artifactstore.events import new_id
from artifactstore.migrate import migrate
from artifactstore.store import Store
from tests.databases import TEST_PREFIX, Connect, create_database, drop_database
from tests.log.door import append, append_json, created, denied, refused, scalar


@pytest.fixture
def copied(server_conninfo: str, database: str) -> Iterator[Callable[[], str]]:
    """Makes a copy of the test's database, which must have no sessions; its superuser conninfo."""
    made: list[str] = []

    def copy() -> str:
        name = str(conninfo_to_dict(database)["dbname"])
        made.append(create_database(server_conninfo, name, owner=f"{TEST_PREFIX}_owner"))
        return made[-1]

    yield copy
    for conninfo in made:
        drop_database(server_conninfo, conninfo)


def write(conninfo: str, events: int) -> None:
    """Append packages, and leave."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        append(connection, *(created() for _ in range(events)))


def test_the_first_append_is_at_home(connect: Connect) -> None:
    superuser = connect()
    assert Store(superuser).identity.home() is None
    with superuser.transaction(force_rollback=True):
        append(superuser, created())
        assert Store(superuser).identity.home() is not None
    assert Store(superuser).identity.home() is None
    append(connect("service"), created())
    home, here = Store(superuser).identity.home(), Store(superuser).identity.here()
    assert home is not None
    assert (home.place, home.timeline) == (here.place, here.timeline)
    oid = superuser.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
    system = superuser.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
    assert (system, oid) == ((home.system_identifier,), (home.database_oid,))
    append(connect("service"), created())
    assert Store(superuser).identity.home() == home


def test_a_copy_takes_no_event_until_it_is_adopted(
    database: str, copied: Callable[[], str], connect: Connect
) -> None:
    write(database, 2)
    copy = connect(conninfo=copied())
    with refused(copy, "moved") as refusal:
        append(copy, created())
    assert "home is the database with oid" in str(refusal.detail["problem"])
    with refused(copy, "moved"):
        append_json(copy, "v1.package.created", new_id(), '{"purl": "pkg:generic/x@1"}')
    copy.execute("SELECT artifactstore.replay()")
    assert scalar(copy, "SELECT artifactstore.log_head()") == 3
    adopted = Store(copy).identity.adopt()
    assert adopted.place == Store(copy).identity.here().place
    (row,) = append(copy, created())
    assert row.sequence == 4
    assert Store(copy).identity.adopt().since == adopted.since
    # The original is at home as before.
    write(database, 1)


def test_another_server_is_another_place_in_a_session_that_wrote_before(connect: Connect) -> None:
    superuser, service = connect(), connect("service")
    append(service, created())
    superuser.execute("UPDATE artifactstore.home SET system_identifier = system_identifier - 1")
    with refused(service, "moved") as refusal:
        append(service, created())
    assert refusal.detail["here"]["system_identifier"] == str(
        Store(superuser).identity.here().system_identifier
    )
    # What the session remembers is no proof: neither a right nor a wrong one changes the answer.
    service.execute("SET artifactstore.place = '1/1'")
    with refused(service, "moved"):
        append(service, created())
    Store(connect("operator")).identity.adopt()
    service.execute("SET artifactstore.place = '1/1'")
    append(service, created())
    assert scalar(service, "SELECT current_setting('artifactstore.place')") != "1/1"


def test_a_promotion_only_warns_and_once_a_session(connect: Connect) -> None:
    superuser, service = connect(), connect("service")
    append(superuser, created())
    superuser.execute("UPDATE artifactstore.home SET timeline = timeline + 1")
    warnings: list[str] = []
    service.add_notice_handler(lambda notice: warnings.append(str(notice.message_primary)))
    append(service, created())
    append(service, created())
    (warning,) = warnings
    assert "timeline 1, not 2" in warning
    Store(superuser).identity.adopt()
    later = connect("service")
    later.add_notice_handler(lambda notice: warnings.append(str(notice.message_primary)))
    append(later, created())
    assert len(warnings) == 1


def test_restored_begins_an_epoch(database: str, copied: Callable[[], str], connect: Connect) -> None:
    write(database, 2)
    copy = connect(conninfo=copied())
    operator = connect("operator", conninfo=copy.info.dsn)
    store = Store(operator)
    (first,) = store.identity.epochs()
    assert (first.epoch, first.first_sequence, first.from_sequence, first.reason) == (1, 1, None, None)
    assert store.identity.restored("a drill", "user:ann") == 4
    assert append(connect("service", conninfo=copy.info.dsn), created())[0].sequence == 5
    again, second = store.identity.epochs()
    assert again == first
    assert (second.epoch, second.first_sequence, second.from_sequence) == (2, 4, 3)
    assert second.reason == "a drill"
    assert second.name != first.name
    assert second.name.startswith("2-")
    with operator.cursor(row_factory=dict_row) as cursor:
        event = cursor.execute("SELECT * FROM artifactstore.event_log WHERE sequence = 4").fetchone()
    assert event is not None
    assert event["actor"] == f"db:{operator.info.user}"
    assert event["payload"]["on_behalf_of"] == "user:ann"


def test_two_restores_of_one_backup_are_two_epochs(
    database: str, copied: Callable[[], str], connect: Connect
) -> None:
    write(database, 1)
    ids: set[UUID] = set()
    for conninfo in (copied(), copied()):
        store = Store(connect(conninfo=conninfo))
        store.identity.restored("a drill")
        ids.add(store.identity.epochs()[-1].epoch_id)
    assert len(ids) == 2


def test_restored_fails_whole(connect: Connect) -> None:
    superuser = connect()
    store = Store(superuser)
    with refused(superuser, "not-found"):
        superuser.execute("SELECT artifactstore.restored('empty')")
    append(superuser, created())
    superuser.execute("UPDATE artifactstore.home SET database_oid = 1")
    with pytest.raises(ArtifactstoreError) as failure:
        store.identity.restored("")
    assert failure.value.code == "bad-payload"
    home = store.identity.home()
    assert home is not None
    assert home.database_oid == 1


@pytest.mark.parametrize("role", ["reader", "writer", "service"])
def test_only_operators_adopt(connect: Connect, role: str) -> None:
    for call in ("adopt()", "restored('x')"):
        with denied(connect(role)):
            connect(role).execute(f"SELECT artifactstore.{call}".encode())


def test_adopt_waits_for_the_append_lock_no_longer_than_appends(connect: Connect) -> None:
    holder, superuser = connect(autocommit=False), connect()
    append(superuser, created())
    holder.execute("SELECT artifactstore.lock_log()")
    superuser.execute("SET lock_timeout = '50ms'")
    with refused(superuser, "busy"):
        superuser.execute("SELECT artifactstore.adopt()")
    holder.rollback()


def test_migrate_makes_sure_that_the_owner_may_ask(empty_database: str, connect: Connect) -> None:
    """Where an administrator took it from PUBLIC, a superuser's migrate grants it, another's tells how."""
    superuser = connect(conninfo=empty_database)
    superuser.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    name = f"db_{conninfo_to_dict(empty_database)['dbname']}"[:60]
    superuser.execute(f"CREATE ROLE {name} LOGIN CREATEROLE".encode())
    superuser.execute(f"GRANT {TEST_PREFIX}_owner TO {name} WITH ADMIN OPTION".encode())
    superuser.execute(f"ALTER DATABASE {conninfo_to_dict(empty_database)['dbname']} OWNER TO {name}".encode())
    try:
        with pytest.raises(ArtifactstoreError) as failure:
            migrate(make_conninfo(empty_database, user=name), role_prefix=TEST_PREFIX)
        assert failure.value.code == "forbidden"
        command = f'GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO "{TEST_PREFIX}_owner";'
        assert failure.value.detail["commands"] == [command]
        migrate(empty_database, role_prefix=TEST_PREFIX)
        append(superuser, created())
    finally:
        superuser.execute(
            f"ALTER DATABASE {conninfo_to_dict(empty_database)['dbname']} OWNER TO postgres".encode()
        )
        superuser.execute(f"DROP OWNED BY {name}".encode())
        superuser.execute(f"DROP ROLE {name}".encode())
