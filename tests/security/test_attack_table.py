"""F52: no function, view, rule, operator, cast or type of a stranger is ever evaluated as the owner.

The table is made from the catalog: every function that a login may execute, with every kind of hostile object
in its way. A function that is added later is in it by itself.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from artifactstore.codec import digest
from artifactstore.events import NewEvent, PackageCreated, new_id
from artifactstore.leaves import identity
from artifactstore.migrate import guards
from artifactstore.store import Store
from tests.databases import Connect
from tests.effort import IN_CI
from tests.schema_dump import dump_rows
from tests.security import hostile
from tests.sql.workload import workload

PARTS_OF_OTHERS = ("reader", "writer")
ROLES = ("service", "operator")
"""Together they may execute all that those may whose rights they have."""
EVENTS = 40
MOST_CALLS = 24
"""Of one function in one test; the product of all arguments would be thousands."""


class Function(NamedTuple):
    """A function of the schema: name, types of its arguments, whether it has the owner's rights."""

    name: str
    types: list[str]
    definer: bool


@pytest.fixture
def filled(connect: Connect) -> psycopg.Connection:
    """A superuser's session in a database with a log, a snapshot and a past."""
    superuser = connect()
    store = Store(superuser)
    store.writes.append(list(islice(workload(EVENTS, seed=5), EVENTS)))
    with superuser.transaction():
        superuser.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        store.view_sets.create_snapshot()
    store.writes.append([NewEvent(PackageCreated(purl="pkg:generic/last@1"), new_id(), "user:ann")])
    store.view_sets.as_of("past", 20, None)
    return superuser


def executable(login: psycopg.Connection) -> list[Function]:
    """The functions that a login may execute; those that run with its own rights come first.

    What they leave in the memory of the session must not matter to the others.
    """
    query = """
        SELECT p.proname, array(
            SELECT replace(format_type(t, NULL), 'pg_catalog.', '') FROM unnest(p.proargtypes) t), p.prosecdef
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'artifactstore'::regnamespace AND has_function_privilege(p.oid, 'EXECUTE')
        ORDER BY p.prosecdef, p.proname
        """
    return [Function(*row) for row in login.execute(query)]


class Arguments:
    """Values by type, and whole lists of arguments for functions that would do nothing without."""

    def __init__(self, superuser: psycopg.Connection, schemas: Sequence[str]) -> None:
        packages = superuser.execute("SELECT package_id FROM artifactstore.artifact_packages").fetchall()
        self.packages: list[UUID] = [package for (package,) in packages]
        head = Store(superuser).log.head()
        purl = PackageCreated(purl="pkg:generic/attack@1")
        event = NewEvent(purl, new_id(), "user:eve")
        payload = event.payload()
        snapshots = [one.schema_name for one in Store(superuser).view_sets.view_sets()]
        texts = [
            *schemas, "artifactstore", *snapshots, "made_by_attack", "artifact_packages", "public",
            "pg_catalog", "pg_toast", "information_schema", "no such schema", "", 'a"b', "x" * 70, None,
        ]  # fmt: skip
        self._values: dict[str, list[Any]] = {
            "text": texts,
            "uuid": [self.packages[0], new_id(), None],
            "uuid[]": [self.packages, [], None],
            "bigint": [head, 1, 0, None],
            "integer": [10, 1],
            "bigint[]": [[1, head], None],
            "boolean": [True, False],
            "jsonb": [json.dumps({"code": "not-found"})],
            "json": [json.dumps({"purl": "pkg:generic/attack@2"})],
            "bytea": [payload],
            "timestamp with time zone": ["2030-01-01T00:00:00Z"],
        }
        arrays: list[Any] = [
            [purl.event_type],
            [event.subject_id],
            ["user:eve"],
            [payload],
            [digest(payload)],
        ]
        token = json.dumps({"token_id": str(new_id()), "roles": ["reader"]})
        ((issued,), (revoked,)) = superuser.execute(
            "SELECT artifactstore.cbor_encode(t, %s) FROM unnest(ARRAY['v1.system.token_issued',"
            " 'v1.system.token_revoked']) t",
            (token,),
        ).fetchall()
        position = Store(superuser).identity.position()
        last = list(Store(superuser).log.stored_events(head - 1, head))[-1]
        self._whole: dict[str, list[list[Any]]] = {
            "append": [[*arrays, None], [*arrays, [0]]],
            "append_commands": [[*arrays, None, [1], 1]],
            "append_json": [[purl.event_type, new_id(), json.dumps({"purl": "pkg:generic/b@2"}), 0]],
            "import_events": [
                [position.log_id, identity(last), head + 1, head + 1, [last.created_at],
                 [purl.event_type], ["package"], *arrays[1:], False]
            ],
            "issue_token": [[issued, digest(issued), "user:op", "user:ann", bytes(32)]],
            "revoke_token": [[revoked, digest(revoked), "user:op"]],
            "restored": [["a test", None, None]],
            "compare_view_sets": [
                [left, right, some]
                for text in texts
                for left, right in ((text, "artifactstore"), ("artifactstore", text), (text, text))
                for some in (None, self.packages)
            ],
            "as_of": [["made_by_attack", head, text] for text in texts],
            "rebuild": [[text, head] for text in texts],
        }  # fmt: skip

    def lists(self, function: Function) -> Iterator[list[Any]]:
        """Lists of arguments to call a function with."""
        yield from self._whole.get(function.name, [])
        choices = [self._values.get(kind, [None]) for kind in function.types]
        # A function that is not the owner's does what its caller could do anyway.
        yield from islice(product(*choices), MOST_CALLS if function.definer else 2)


def call(login: psycopg.Connection, function: Function, arguments: Sequence[Any], level: str) -> str | None:
    """Call and roll back; the SQLSTATE of the error, None if there was none."""
    given = SQL(", ").join(
        SQL("{}::{}").format(Literal(value), SQL(f"pg_catalog.{kind}" if "." not in kind else kind))
        if kind.split("[")[0] in ("text", "uuid", "json", "jsonb", "bytea")
        else SQL("{}::{}").format(Literal(value), SQL(kind))
        for value, kind in zip(arguments, function.types, strict=True)
    )
    query = SQL("SELECT * FROM artifactstore.{}({})").format(Identifier(function.name), given)
    try:
        with login.transaction(force_rollback=True):
            login.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
            login.execute("SET LOCAL statement_timeout = '60s'")
            login.execute(query)
    except psycopg.Error as failure:
        return failure.sqlstate or "none"
    return None


@pytest.mark.parametrize("attack", hostile.ATTACKS, ids=lambda attack: attack.__name__)
@pytest.mark.parametrize("role", [*(pytest.param(one, marks=IN_CI) for one in PARTS_OF_OTHERS), *ROLES])
def test_f52_nothing_of_a_stranger_runs_as_the_owner(
    filled: psycopg.Connection,
    connect: Connect,
    login_names: dict[str, str],
    role: str,
    attack: Any,
) -> None:
    """F52: and every failure is a refusal by name or a plain lack of permission."""
    hostile.allow(filled, login_names[role])
    login = connect(role)
    login.execute(hostile.EVIL.encode())
    made: hostile.Attack = attack(login)
    arguments = Arguments(filled, made.schemas)
    # As if an owner's session of long ago had registered what is a stranger's today.
    for schema in made.schemas:
        filled.execute(
            "INSERT INTO artifactstore.view_sets (schema_name, purpose, sequence, log_id, epoch_id, identity,"
            " fingerprint, digests, created_at) SELECT %s, 'past', sequence, log_id, epoch_id, identity,"
            " fingerprint, digests, created_at FROM artifactstore.view_sets WHERE purpose = 'snapshot'"
            " ON CONFLICT DO NOTHING",
            (schema,),
        )
    before = dump_rows(filled.info.dsn), guards.snapshot(Store(filled))

    worked: set[str] = set()
    wrong = []
    for function in executable(login):
        for given in arguments.lists(function):
            state = call(login, function, given, "READ COMMITTED")
            if state == "ST044":
                state = call(login, function, given, "REPEATABLE READ")
            if state is None:
                worked.add(function.name)
            elif function.definer and not state.startswith("ST") and state != "42501":
                wrong.append((function.name, given, state))
            assert not hostile.caught(filled), (function.name, given, state)
    assert sorted({(name, state) for name, _, state in wrong}) == [], wrong
    assert (dump_rows(filled.info.dsn), guards.snapshot(Store(filled))) == before
    assert worked >= _AT_LEAST[role] - _SQUATTED.get(attack.__name__, set())


_AT_LEAST = {
    "reader": {"here", "log_head"},
    "writer": {"append_json", "here"},
    "service": {
        "append", "append_commands", "issue_token", "package_at", "check_packages", "sample_packages",
    },
    "operator": {
        "adopt", "append_json", "as_of", "begin_rebuild", "check_packages", "compare_view_sets",
        "create_snapshot", "drop_view_set", "rebuild", "replay", "restored", "import_events",
        "view_set_problem",
    },
}  # fmt: skip
"""Functions that must have done their work, or the table would prove nothing."""
_SQUATTED = {
    "scratch": {"check_packages", "package_at", "begin_rebuild", "create_snapshot"},
    "scratch_tables": {"begin_rebuild", "create_snapshot"},
}
"""What cannot work while somebody has the name that it needs: refused by name."""


def test_f52_the_trap_catches(
    filled: psycopg.Connection, connect: Connect, login_names: dict[str, str]
) -> None:
    """F52: a function of the owner that reads what it is given is caught by it, in spite of the rollback."""
    hostile.allow(filled, login_names["operator"])
    login = connect("operator")
    login.execute(hostile.EVIL.encode())
    hostile.views(login)
    filled.execute(
        "CREATE FUNCTION public.careless(p_schema text) RETURNS bigint SECURITY DEFINER"
        " LANGUAGE plpgsql AS $$"
        " DECLARE v_count bigint; BEGIN"
        " EXECUTE format('SELECT count(*) FROM %I.artifact_packages', p_schema) INTO v_count; RETURN v_count;"
        " END $$"
    )
    hostile.run(filled, "ALTER FUNCTION public.careless(text) OWNER TO {}", hostile.OWNER)
    assert not hostile.caught(filled)
    for schema in ("pg_temp", "evil_views"):
        with pytest.raises(psycopg.Error) as failure, login.transaction():
            login.execute("SELECT public.careless(%s)", (schema,))
        assert failure.value.sqlstate == "EV001"
    assert hostile.caught(filled)


def test_f52_an_operator_does_not_become_the_owner(
    filled: psycopg.Connection, connect: Connect, login_names: dict[str, str]
) -> None:
    """F52, to the letter: a function in pg_temp, a temporary view that calls it, temporary tables."""
    assert login_names["operator"]
    operator = connect("operator")
    operator.execute(
        "CREATE FUNCTION pg_temp.evil() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
        " IF current_user <> session_user THEN"
        " ALTER TABLE artifactstore.events DISABLE TRIGGER ALL;"
        " UPDATE artifactstore.events SET actor = 'user:forged' WHERE sequence = 1;"
        " ALTER TABLE artifactstore.events ENABLE ALWAYS TRIGGER events_forbid_change;"
        " END IF; RETURN true; END $$"
    )
    for view in Store(filled).rebuilds.view_counts():
        if view != "artifact_packages":
            hostile.run(operator, "CREATE TEMP TABLE {} (LIKE artifactstore.{} INCLUDING ALL)", view, view)
    operator.execute(
        "CREATE TEMP VIEW artifact_packages AS"
        " SELECT * FROM artifactstore.artifact_packages WHERE pg_temp.evil()"
    )
    for view in Store(filled).rebuilds.view_counts():
        hostile.run(operator, "GRANT ALL ON pg_temp.{} TO PUBLIC", view)
    before = dump_rows(filled.info.dsn)
    ((temporary,),) = operator.execute(
        "SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()"
    ).fetchall()
    for schema in ("pg_temp", temporary):
        for pair in ((schema, "artifactstore"), ("artifactstore", schema)):
            with pytest.raises(psycopg.Error) as refusal:
                operator.execute("SELECT * FROM artifactstore.compare_view_sets(%s, %s)", pair)
            assert refusal.value.sqlstate == "ST059"
            assert refusal.value.diag.message_detail is not None
            detail = json.loads(refusal.value.diag.message_detail)
            assert (detail["code"], detail["schema"]) == ("foreign-view-set", schema)
    assert dump_rows(filled.info.dsn) == before


def test_f52_a_view_that_a_view_set_lacks_is_not_looked_for_elsewhere(
    filled: psycopg.Connection, connect: Connect, login_names: dict[str, str]
) -> None:
    """F52: the rebuild lost a table; a temporary view of that name does not stand in for it."""
    hostile.allow(filled, login_names["operator"])
    operator = connect("operator")
    operator.execute(hostile.EVIL.encode())
    operator.execute("SELECT artifactstore.begin_rebuild()")
    hostile.views(operator)
    for view in Store(filled).rebuilds.view_counts():
        with filled.transaction(force_rollback=False):
            filled.execute(f"ALTER TABLE artifactstore_rebuild.{view} RENAME TO away".encode())
        for function in ("rebuild_next()", "equalize(10)", "find_differences()"):
            level = "REPEATABLE READ" if function.startswith("find") else "READ COMMITTED"
            operator.execute(f"SET default_transaction_isolation = '{level.lower()}'".encode())
            with pytest.raises(psycopg.Error) as refusal:
                operator.execute(f"SELECT * FROM artifactstore.{function}".encode())
            assert refusal.value.sqlstate == "ST059", (view, function)
        filled.execute(f"ALTER TABLE artifactstore_rebuild.away RENAME TO {view}".encode())
    assert not hostile.caught(filled)


@pytest.mark.parametrize("name", ["pg_mine", "", "x" * 64, "é" * 32, None])
def test_f52_a_view_set_is_not_made_under_any_name(connect: Connect, name: str | None) -> None:
    """F52: a name that PostgreSQL keeps for itself, refuses or cuts is refused by name."""
    operator = connect("operator")
    for query in ("SELECT artifactstore.as_of(%s, 0)", "SELECT artifactstore.rebuild(%s, 0)"):
        with pytest.raises(psycopg.Error) as refusal:
            operator.execute(query, (name,))
        assert refusal.value.sqlstate == "ST060"
