"""Case LCK07: behind pgbouncer that pools by transaction, with prepared statements off.

Without pgbouncer this test is skipped at a desk and fails in continuous integration.
"""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from artifactstore import server
from tests.http.running import Registry, issue, running
from tests.needs import needs_program
from tests.timing import PATIENCE

_CONFIG = """\
[databases]
* = host={host} port=5432 user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 100
ignore_startup_parameters = extra_float_digits,options
{account}
"""


@pytest.fixture
def pooled(service_conninfo: str, public_path: Path) -> Iterator[str]:
    """Conninfo of the test's database through pgbouncer."""
    with bouncer(service_conninfo, public_path) as conninfo:
        yield conninfo


@contextmanager
def bouncer(service_conninfo: str, public_path: Path) -> Iterator[str]:
    """Conninfo of a database through pgbouncer; ``public_path`` is for its configuration."""
    program = needs_program("pgbouncer")
    parts = conninfo_to_dict(service_conninfo)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    account = server.account()
    config = public_path / "pgbouncer.ini"
    told = f"user = {account.name}" if account.switch else ""
    config.write_text(_CONFIG.format(host=parts["host"], user=parts["user"], port=port, account=told))
    with subprocess.Popen([program, "--quiet", str(config)], stderr=subprocess.DEVNULL) as process:
        try:
            conninfo = make_conninfo(
                dbname=parts["dbname"], host="127.0.0.1", port=port, user=parts["user"], connect_timeout=5
            )
            _wait_for(conninfo)
            yield conninfo
        finally:
            process.terminate()


def _wait_for(conninfo: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(conninfo).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "pgbouncer does not answer"
            time.sleep(0.1)
        else:
            return


def test_lck07_every_query_20_times_through_a_transaction_pooler(
    pooled: str, service_conninfo: str, admin: psycopg.Connection
) -> None:
    """Reads and writes mixed over few server sessions; nothing of a session stays behind."""
    with running(pooled, issue(service_conninfo), prepare_threshold=0, pool_max=6) as service:
        registry = Registry(service.client())
        package = registry.package(retention={"mode": "governance", "until": "2040-01-01T00:00:00Z"})
        file = registry.file(package)
        location = registry.location(file)
        for n in range(20):
            registry.post(f"{location}/verified", {"method": "full_read"})
            registry.post(f"{package}/labels", {"set": {"n": str(n)}})
            registry.refused(f"{package}/delete", {"reason": "r"}, 409, "retention-active")
            for path in (package, f"{package}/files", f"{package}/manifest", f"{package}/retention/explain"):
                registry.get(path)
            for path in (file, f"{file}/locations", location, "/packages", "/files", "/tokens", "/readyz"):
                registry.get(path)
        locks = admin.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
        assert locks == (0,)
    with psycopg.connect(pooled, prepare_threshold=None, autocommit=True) as connection:
        for setting in ("statement_timeout", "lock_timeout"):
            row = connection.execute("SELECT setting FROM pg_settings WHERE name = %s", (setting,)).fetchone()
            assert row == ("0",)
