"""Projectors are pure: same log, same rows in any session and locale (RPL06, RPL09, RPL11)."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from artifactstore.events import new_id
from artifactstore.migrate import migrate
from tests.databases import TEST_PREFIX, Connect, drop_database
from tests.sql.support import KEYS, Log
from tests.sql.workload import workload

IMPURE_FUNCTIONS = (
    "now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday", "random",
    "random_normal", "gen_random_uuid", "uuidv4", "uuidv7", "new_id", "nextval", "currval", "setval",
    "current_setting", "set_config", "txid_current", "pg_current_xact_id", "pg_backend_pid", "version",
    "inet_client_addr", "age", "date_trunc",
    "to_char", "to_date", "to_timestamp", "to_number", "upper", "lower", "initcap", "casefold", "normalize",
)  # fmt: skip
IMPURE_WORDS = (
    "current_timestamp", "current_date", "current_time", "localtime", "localtimestamp", "current_user",
    "session_user", "system_user", "current_role", "user", "normalized", "ilike", "similar",
)  # fmt: skip
"""What depends on moment, chance, session, locale or version of Unicode."""

_NAMING = {"refuse": "current_setting( , true)"}
"""Whether it is named by sequence or position depends on who asks; whether it is refused does not."""

SETTINGS = {
    "TimeZone": "Pacific/Kiritimati",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "extra_float_digits": "-5",
    "lc_numeric": "POSIX",
    "transform_null_equals": "on",
    "standard_conforming_strings": "off",
    "backslash_quote": "on",
    "quote_all_identifiers": "on",
    "xmlbinary": "hex",
    "default_text_search_config": "pg_catalog.german",
    "timezone_abbreviations": "India",
}
PLANS = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "enable_sort": "off",
    "enable_hashagg": "off",
    "plan_cache_mode": "force_custom_plan",
    "from_collapse_limit": "1",
    "join_collapse_limit": "1",
    "geqo_threshold": "2",
}


@pytest.fixture(scope="module")
def sources(module_connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Functions that a projection runs: name → source without comments and literals."""
    rows = module_connection.execute(
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'artifactstore'::regnamespace"
    ).fetchall()
    bodies = {name: re.sub(r"--.*|'[^']*'", " ", body) for name, body in rows}
    todo, found = ["project"], {}
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = bodies[name]
            todo += re.findall(r"artifactstore\.(\w+)\s*\(", bodies[name])
    return found


def test_rpl06_no_projector_asks_for_moment_chance_session_or_locale(sources: dict[str, str]) -> None:
    projectors = {name for name in sources if name.startswith("project_")}
    assert len(projectors) > 20
    assert {"parse_purl", "cbor_decode", "destruction_problem", "fold_waves"} <= sources.keys()
    words = re.compile(
        rf"\b(?:{'|'.join(IMPURE_FUNCTIONS)})\s*\(|\b(?:{'|'.join(IMPURE_WORDS)})\b", re.IGNORECASE
    )
    for name, body in sources.items():
        allowed = _NAMING.get(name, "")
        assert allowed in body
        assert not words.findall(body.replace(allowed, "")), name
        assert "~*" not in body, name


def test_rpl06_no_column_of_a_view_has_a_value_of_its_own(
    module_connection: psycopg.Connection[Any],
) -> None:
    assert (
        module_connection.execute(
            "SELECT attrelid::regclass, attname FROM pg_attribute WHERE attrelid = ANY"
            " (ARRAY(SELECT format('artifactstore.%I', v)::regclass"
            " FROM unnest(artifactstore.view_names()) v))"
            " AND (atthasdef OR attidentity <> '' OR attgenerated <> '')"
        ).fetchall()
        == []
    )
    assert module_connection.execute("SELECT artifactstore.view_names()").fetchone() == (list(KEYS),)


def test_rpl11_every_text_column_of_log_and_views_has_the_collation_c(
    module_connection: psycopg.Connection[Any],
) -> None:
    columns = module_connection.execute(
        "SELECT attrelid::regclass::text, attname, attcollation::regcollation::text FROM pg_attribute"
        " WHERE attrelid = ANY (ARRAY(SELECT format('artifactstore.%I', v)::regclass"
        " FROM unnest(artifactstore.view_names() || '{events}') v))"
        " AND attnum > 0 AND atttypid = 'text'::regtype"
    ).fetchall()
    assert len(columns) > 25
    assert [column for column in columns if column[2] != '"C"'] == []


@pytest.fixture
def history(database: str) -> Iterator[Log]:
    """A database of its own with a log of every event type."""
    with psycopg.connect(database, autocommit=True) as connection:
        log = Log(connection)
        fill(log)
        yield log


def fill(log: Log) -> None:
    """Append a history; the same in every database."""
    events = workload(600, seed=6)
    while batch := list(islice(events, 200)):
        log.append_all(batch)


@pytest.mark.parametrize("settings", [SETTINGS, PLANS])
def test_rpl06_settings_of_the_session_and_its_role_do_not_matter(
    history: Log, connect: Connect, settings: dict[str, str]
) -> None:
    operator = connect("operator")
    for name, value in settings.items():
        operator.execute(sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
    before = history.dump()
    operator.execute("SELECT artifactstore.rebuild('rebuilt')")
    assert history.dump("rebuilt") == before
    operator.execute("SELECT * FROM artifactstore.replay()")
    assert history.dump() == before
    assert all(before.values())


def test_rpl06_settings_of_the_appending_session_do_not_matter(database: str, connect: Connect) -> None:
    writer = connect("writer")
    for name, value in SETTINGS.items():
        writer.execute(sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
    package, file = new_id(), new_id()
    for event_type, subject, payload in (
        ("package.created", package, {"purl": "pkg:npm/%40a/b.c@1?d=e.f", "labels": {"\\": '"\n\u00e9'}}),
        (
            "file.ingested",
            file,
            {"package_id": str(package), "path": "a/b.c/.d", "size": 3, "blake3": "0" * 64},
        ),
        ("retention.applied", package, {"mode": "governance", "until": "2100-02-01T03:04:05.6+07:00"}),
    ):
        writer.execute(
            "SELECT artifactstore.append_json(%s, %s, %s)", [f"v1.{event_type}", subject, json.dumps(payload)]
        )
    with psycopg.connect(database, autocommit=True) as connection:
        log = Log(connection)
        before = log.dump()
        log.query("SELECT * FROM artifactstore.replay()")
        assert log.dump() == before
        assert log.rows("artifact_packages")[package]["labels"] == {"\\": '"\né'}
        assert log.rows("artifact_files")[file]["path"] == "a/b.c/.d"
        assert log.rows("retention_state")[package]["retain_until"].timestamp() == 4105109045.6


ZONES = ("UTC", "Europe/Berlin", "America/Chicago", "Asia/Kolkata")
INSTANTS = [
    ("2027-03-28T02:30:00+02:00", 1806193800000000),
    ("2027-10-31T02:30:00+01:00", 1824946200000000),
    ("2028-02-29T23:59:59.999999Z", 1835481599999999),
    ("2027-01-31T00:00:00+14:00", 1801303200000000),
    ("2255-06-05T23:47:34.740991Z", 9007199254740991),
]


@pytest.mark.parametrize(("text", "micros"), INSTANTS)
def test_rpl09_an_instant_is_stored_alike_under_every_zone(log: Log, text: str, micros: int) -> None:
    stored = set()
    for number, zone in enumerate(ZONES):
        log.set("TimeZone", zone)
        package = log.package(f"tool{number}")
        log.append_json("v1.retention.applied", package, f'{{"mode": "compliance", "until": "{text}"}}')
        stored.add(
            log.value(
                "SELECT artifactstore.to_micros(retain_until) FROM artifactstore.retention_state"
                " WHERE package_id = %s",
                package,
            )
        )
    log.query("SELECT * FROM artifactstore.replay()")
    stored |= {
        row["micros"]
        for row in log.query(
            "SELECT artifactstore.to_micros(retain_until) AS micros FROM artifactstore.retention_state"
        )
    }
    assert stored == {micros}


LOCALES = ("LOCALE_PROVIDER libc LOCALE 'C'", "LOCALE_PROVIDER libc LOCALE 'C.UTF-8'")
ICU_LOCALES = tuple(
    f"LOCALE_PROVIDER icu ICU_LOCALE '{locale}' LOCALE 'C.UTF-8'" for locale in ("en-US", "tr-TR")
)
"""For servers that are built with ICU; Debian's are, the wheel's are not."""
NAMES = (
    "a-1",
    "a1",
    "A",
    "ä",
    "Z",
    "ß",
    "ss",
    "ı",
    "i",
    "İ",
    "I",
    "\u200b",
    "\u00ad",
    "a b",
    "a_b",
    "a.b",
    "é",
)


def test_rpl11_the_locale_of_the_database_does_not_matter(history: Log, server_conninfo: str) -> None:
    package = history.package("names")
    for name in NAMES:
        history.file(package, name)
    by_path = "SELECT path FROM artifactstore.artifact_files ORDER BY path, file_id"
    icu = history.value("SELECT count(*) > 0 FROM pg_collation WHERE collname LIKE '%-x-icu'")
    for locale in LOCALES + (ICU_LOCALES if icu else ()):
        with psycopg.connect(server_conninfo, autocommit=True) as server:
            server.execute(
                f"CREATE DATABASE other_locale TEMPLATE template0 ENCODING 'UTF8' {locale}".encode()
            )
        conninfo = make_conninfo(server_conninfo, dbname="other_locale")
        try:
            migrate(conninfo, role_prefix=TEST_PREFIX)
            with psycopg.connect(conninfo, autocommit=True) as connection:
                other = Log(connection)
                copy_events(history, other)
                other.query("SELECT * FROM artifactstore.replay()")
                assert other.dump() == history.dump()
                assert other.query(by_path) == history.query(by_path)
        finally:
            drop_database(server_conninfo, conninfo)


def copy_events(source: Log, target: Log) -> None:
    """Copy the log as it is, as only a superuser can."""
    target.execute("SET artifactstore.projecting = 'on'")
    with (
        source.connection.cursor().copy("COPY artifactstore.events TO STDOUT (FORMAT binary)") as out,
        target.connection.cursor().copy("COPY artifactstore.events FROM STDIN (FORMAT binary)") as into,
    ):
        for data in out:
            into.write(data)
    target.execute("RESET artifactstore.projecting")
