"""F14: every command under settings of database and login: the same results, or a named refusal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from artifactstore import db
from tests.cli.program import Program
from tests.databases import TEST_PREFIX
from tests.effort import SLICES
from tests.surroundings.commands import ELSEWHERE, World, commands
from tests.surroundings.conftest import Plain
from tests.surroundings.places import odd_settings
from tests.surroundings.running import Runner, on
from tests.surroundings.story import compare, head, slices

_LOGIN = "odd_login"

LIMITS: dict[str, dict[str, str]] = {
    "read only": {"default_transaction_read_only": "on"},
    "a millisecond for a statement": {"statement_timeout": "1ms"},
    "a moment for a statement": {"statement_timeout": "20ms"},
    "a millisecond for a lock": {"lock_timeout": "1ms"},
    "a moment for a transaction": {"transaction_timeout": "30ms"},
    "no idling in transactions": {"idle_in_transaction_session_timeout": "1ms"},
    "no idling": {"idle_session_timeout": "1ms"},
    "a small stack": {"max_stack_depth": "100kB"},
    "no temporary files": {"temp_file_limit": "0", "work_mem": "64kB"},
    "another role": {"role": f"{TEST_PREFIX}_reader"},
}
"""What somebody may have meant: nothing here is overridden where it would forbid."""

NAMED = frozenset(
    {
        "unavailable",
        "read-only",
        "busy",
        "forbidden",
        "too-large",
        "schema-outdated",
        "wrong-isolation",
        "changed",
        "not-found",
        "wrong-state",
        "nothing-to-do",
        "no-change",
        "no-such-view-set",
        "gone",
        "retired",
    }
)
"""Refusals that limits lead to: of the limit, or because something before was refused."""


def test_every_command_is_a_step(world: World) -> None:
    """A command that is added later belongs into the story, or into ELSEWHERE with a test."""
    assert {step.path for step in world.steps} | ELSEWHERE == set(commands())


@contextmanager
def login(server_conninfo: str, conninfo: str, settings: dict[str, str], scope: str) -> Iterator[str]:
    """Conninfo of a superuser who is not the one of the tests; ``scope``: where the settings are made."""
    name, database = sql.Identifier(_LOGIN), sql.Identifier(str(conninfo_to_dict(conninfo)["dbname"]))
    where = {
        "database": sql.SQL("DATABASE {}").format(database),
        "login": sql.SQL("ROLE {}").format(name),
        "login in database": sql.SQL("ROLE {} IN DATABASE {}").format(name, database),
    }[scope]
    with psycopg.connect(server_conninfo, autocommit=True, application_name="tests") as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER").format(name))
        try:
            for setting, value in settings.items():
                words = sql.SQL("ALTER {} SET {} = {}").format(where, sql.SQL(setting), sql.Literal(value))
                if setting == "search_path":
                    words = sql.SQL("ALTER {} SET search_path = nowhere, public").format(where)
                admin.execute(words)
            yield make_conninfo(conninfo, user=_LOGIN)
        finally:
            admin.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(database))
            admin.execute(sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(name, database))
            with psycopg.connect(conninfo, autocommit=True, application_name="tests") as there:
                there.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(name))
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s", (_LOGIN,)
            )
            admin.execute(sql.SQL("DROP ROLE {}").format(name))


_SCOPES = ("database", "login", "login in database")


@pytest.mark.parametrize("scope", _SCOPES)
def test_f14_settings_change_no_result(
    world: World,
    plain: Plain,
    copy_of_world: Callable[[], str],
    runner: Runner,
    server_conninfo: str,
    major: int,
    scope: str,
) -> None:
    steps = list(slices(world.steps, SLICES, _SCOPES.index(scope)))
    expected = plain(steps)
    conninfo = copy_of_world()
    with login(server_conninfo, conninfo, odd_settings(major), scope) as odd:
        equal = compare(conninfo, lambda step: runner.run(*on(odd, *step.words)), steps, expected)
    assert equal == len(steps)


@pytest.mark.parametrize("limit", LIMITS)
def test_f14_limits_of_a_login_are_told_by_name(
    world: World,
    plain: Plain,
    copy_of_world: Callable[[], str],
    runner: Runner,
    server_conninfo: str,
    major: int,
    limit: str,
) -> None:
    if "transaction_timeout" in LIMITS[limit] and major < 17:
        pytest.skip("transaction_timeout is of PostgreSQL 17")
    steps = list(slices(world.steps, max(SLICES, 10), len(limit)))
    expected = plain(steps)
    conninfo = copy_of_world()
    with login(server_conninfo, conninfo, LIMITS[limit], "login") as odd:
        compare(conninfo, lambda step: runner.run(*on(odd, *step.words)), steps, expected, NAMED)


@pytest.mark.parametrize(
    "door", ["adopt --yes", "restored --yes --reason r", "package create pkg:generic/x@1"]
)
def test_f14_doors_open_where_serializable_is_the_default(history: Program, door: str) -> None:
    name = str(conninfo_to_dict(history.conninfo)["dbname"])
    setting = "ALTER DATABASE {} SET default_transaction_isolation = serializable"
    history.admin.execute(sql.SQL(setting).format(sql.Identifier(name)))
    assert history.run("--json", *door.split()).code == 0


@pytest.mark.parametrize("stdout", ["/dev/full", None])
def test_f14_a_token_exists_only_if_its_secret_was_told(
    copy_of_world: Callable[[], str], runner: Runner, stdout: str | None
) -> None:
    conninfo = copy_of_world()
    name = sql.Identifier(str(conninfo_to_dict(conninfo)["dbname"]))
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} SET datestyle = 'SQL, DMY'").format(name))
        before = head(admin)
        made = runner.run(*on(conninfo, "token", "create", "user:x", "--role", "operator"), stdout=stdout)
        assert head(admin) - before == (0 if stdout else 1)
    assert ("ast_" in made.stdout, made.code) == ((False, 2) if stdout else (True, 0))
    if stdout:
        assert made.error["code"] == "output-lost"
        assert "not made" in made.error["hint"]


def test_f14_every_connection_is_pinned(copy_of_world: Callable[[], str], major: int) -> None:
    """What ``db.connect`` gives is the same whatever the database says; settings that limit are left."""
    conninfo = copy_of_world()
    name = sql.Identifier(str(conninfo_to_dict(conninfo)["dbname"]))
    with psycopg.connect(conninfo, autocommit=True) as admin:
        for setting, value in {
            **odd_settings(major),
            "lock_timeout": "7s",
            "statement_timeout": "8s",
        }.items():
            if setting != "search_path":
                words = sql.SQL("ALTER DATABASE {} SET {} = {}")
                admin.execute(words.format(name, sql.SQL(setting), sql.Literal(value)))
    with db.connect(conninfo) as connection:
        shown = {
            setting: connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
            for setting in (*db.REPORTED, *db.MEANING, "client_encoding", "lock_timeout", "statement_timeout")
        }
    wanted = {
        **db.REPORTED,
        **db.MEANING,
        "client_encoding": "UTF8",
        "lock_timeout": "7s",
        "statement_timeout": "8s",
    }
    assert shown == {setting: (value,) for setting, value in wanted.items()}
