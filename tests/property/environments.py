"""Databases and sessions that differ in everything that must not matter: locale, zone, formats, planner."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from artifactstore import server
from artifactstore.migrate import migrate
from tests import guardian
from tests.databases import TEST_PREFIX, programs
from tests.needs import program

FOREIGN = "tr_TR.UTF-8"
"""Turkish: I and i are no pair, punctuation does not decide the order, and A sorts between a and b."""

_FORMATS: Mapping[str, str] = {
    "timezone": "America/New_York",
    "datestyle": "German",
    "intervalstyle": "sql_standard",
    "bytea_output": "escape",
    "extra_float_digits": "0",
}
_PLANNER: Mapping[str, str] = {
    "timezone": "Asia/Kolkata",
    "datestyle": "SQL, DMY",
    "intervalstyle": "iso_8601",
    "plan_cache_mode": "force_custom_plan",
    "enable_hashjoin": "off",
    "enable_seqscan": "off",
    "enable_hashagg": "off",
    "work_mem": "64kB",
    "jit": "off",
}


@dataclass(frozen=True, slots=True)
class Environment:
    """A migrated database of some locale, and settings for sessions in it."""

    locale: str
    conninfo: str
    settings: Mapping[str, str]

    def connect(self) -> psycopg.Connection:
        """A superuser session in this environment."""
        connection = psycopg.connect(self.conninfo)
        for name, value in self.settings.items():
            connection.execute(sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        connection.commit()
        return connection


@contextmanager
def environments() -> Iterator[list[Environment]]:
    """A server of its own with a database per locale.

    ``C`` with formats of one kind and, with formats of another kind and other plans, the most foreign
    locale of the server's system: ``FOREIGN``, made with localedef where it is missing and localedef has
    its sources, else C.UTF-8. Servers with ICU add Turkish of ICU, those with built-in locales their most
    modern one.
    """
    account = server.account()
    home = guardian.current().make_directory("as-locale-")
    try:
        if account.switch:
            os.chown(home, account.uid, account.gid)
        chosen = server.reachable_programs(programs(), account, home / "programs")
        (home / "run").mkdir()
        cluster = server.Cluster(chosen, account, home / "data", home / "run", home / "run" / "log")
        cluster.hand_over(cluster.sockets)
        cluster.create("local all all trust\n", "", {"fsync": "off", "max_connections": "20"}, "")
        with _locale_made(home / "locales"):
            cluster.start()
        try:
            conninfo = make_conninfo(host=str(cluster.sockets), user=server.SUPERUSER, dbname="postgres")
            yield list(_make_databases(conninfo))
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _locale_made(directory: Path) -> Iterator[None]:
    """Let programs started meanwhile find ``FOREIGN`` in ``directory``, if localedef can make it."""
    directory.mkdir(mode=0o755)
    name, charmap = FOREIGN.split(".")
    if localedef := program("localedef"):
        command = [str(localedef), "--no-archive", "-i", name, "-f", charmap, str(directory / FOREIGN)]
        subprocess.run(command, check=False, capture_output=True)
    before = os.environ.get("LOCPATH")
    os.environ["LOCPATH"] = str(directory)
    try:
        yield
    finally:
        if before is None:
            del os.environ["LOCPATH"]
        else:
            os.environ["LOCPATH"] = before


def _make_databases(conninfo: str) -> Iterator[Environment]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        major = connection.info.server_version // 10_000
        icu = connection.execute("SELECT FROM pg_collation WHERE collname = 'tr-x-icu'").fetchone()
        choices = [("LOCALE 'C'", _FORMATS)]
        try:
            connection.execute(f"CREATE DATABASE probe TEMPLATE template0 LOCALE '{FOREIGN}'".encode())
            choices.append((f"LOCALE '{FOREIGN}'", _PLANNER))
        except psycopg.errors.WrongObjectType:
            choices.append(("LOCALE 'C.UTF-8'", _PLANNER))
        if icu is not None:
            choices.append(("LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LOCALE 'C.UTF-8'", _PLANNER))
        if major >= 18:
            choices.append(("LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST' LOCALE 'C'", _PLANNER))
        for number, (locale, settings) in enumerate(choices):
            name = f"environment_{number}"
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 {locale}".encode())
            database = make_conninfo(conninfo, dbname=name)
            migrate(database, role_prefix=TEST_PREFIX)
            yield Environment(locale, database, settings)
