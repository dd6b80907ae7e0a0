"""F28: a command whose link to the database is dead ends, with the exit code that says to try again."""

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import artifactstore
from artifactstore import db
from artifactstore.exits import EXIT_RETRY
from tests.databases import Connect
from tests.http.faults import dead_link, frozen_proxy
from tests.http.test_departure import standing_still
from tests.timing import until

_KEPT = {"keepalives_idle": 1, "keepalives_interval": 1, "keepalives_count": 2, "tcp_user_timeout": 3000}
_COMMANDS = (
    ("status",),
    ("verify",),
    ("replay",),
    ("migrate",),
    ("events",),
    ("package", "list"),
    ("doctor",),
)


def test_f28_commands_over_a_dead_link_end(database: str, connect: Connect, record_property: Any) -> None:
    """They wait for an answer when it dies; with the bounds of their URL, so that it does not take 25 s."""
    admin = connect()
    with dead_link(database) as link, standing_still(database):
        url = make_conninfo(link.conninfo, **_KEPT)
        started = [
            subprocess.Popen(
                [sys.executable, "-m", "artifactstore", "--json", "--database-url", url, *command],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for command in _COMMANDS
        ]
        try:
            _until_connected(admin, len(_COMMANDS))
            link.cut()
            began = time.monotonic()
            for process, command in zip(started, _COMMANDS, strict=True):
                _, told = process.communicate(timeout=30)
                assert (command, process.returncode) == (command, EXIT_RETRY), told
                failed = json.loads(told.splitlines()[-1])["error"]
                assert failed["code"] in ("unavailable", "busy"), failed
            record_property("ended", time.monotonic() - began)
            assert time.monotonic() - began < 20
        finally:
            for process in started:
                process.kill()
                with process:  # closes its pipes
                    pass
            link.mend()


def _until_connected(admin: psycopg.Connection[Any], count: int) -> None:
    query = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'artifactstore%' AND state = 'active'
        """
    until(lambda: admin.execute(query).fetchone() == (count,), f"{count} commands are at work", seconds=60)


@pytest.mark.parametrize("given", [{}, {"tcp_user_timeout": 4000}])
def test_f28_every_connection_has_the_bounds_of_its_url_or_ours(database: str, given: dict[str, int]) -> None:
    with frozen_proxy(database) as proxy, db.connect(make_conninfo(proxy.conninfo, **given)) as connection:
        with socket.socket(fileno=connection.fileno()) as link:
            found = [
                link.getsockopt(socket.IPPROTO_TCP, option)
                for option in (
                    socket.TCP_USER_TIMEOUT,
                    socket.TCP_KEEPIDLE,
                    socket.TCP_KEEPINTVL,
                    socket.TCP_KEEPCNT,
                )
            ]
            link.detach()
        assert found == [given.get("tcp_user_timeout", 25_000), 10, 5, 3]


def test_f28_nothing_connects_without_them() -> None:
    """Only db.connect, the pool and the listener do, bounded alike, and the embedded server on its socket."""
    home = Path(artifactstore.__file__).parent
    found = {
        f"{path.relative_to(home)}": "db.bounds(" in (text := path.read_text()) or "def bounds(" in text
        for path in home.rglob("*.py")
        if re.search(r"psycopg\.connect\(|Connection\.connect\(|ConnectionPool\($", path.read_text(), re.M)
    }
    assert found == {"db.py": True, "http/feed/bell.py": True, "http/service.py": True}
