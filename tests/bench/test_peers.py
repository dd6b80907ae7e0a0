"""Peers are installed apart and whole, or left out by name; and what appends are held against inserts."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from bench.database import beside_server
from bench.peers.measure import PEERS
from bench.peers.peer import Peer, Unavailable, from_npm, installed, run
from bench.plain_inserts import by_pgbench, by_psycopg, prepare
from bench.plan import Failed, Say
from tests.databases import Connect

ROOT = Path(__file__).parents[2]


def test_without_node_and_registries_all_are_left_out_by_name(server_conninfo: str, tmp_path: Path) -> None:
    environment = {
        **os.environ, "XDG_CACHE_HOME": str(tmp_path), "PATH": str(tmp_path), "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path), "COLUMNS": "300",
    }  # fmt: skip
    command = [sys.executable, "-m", "bench", "peers", "--quick", "--json", "--database-url", server_conninfo]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["figures"] == []
    for peer in PEERS:
        assert f"{peer.figure} is left out: " in done.stderr
    assert done.stderr.count("node is missing") == 2


def test_versions_are_pinned() -> None:
    for package in (package for peer in PEERS for package in peer.packages):
        assert package.rpartition("@")[2][0].isdigit() or "==" in package


def told(said: list[str]) -> Say:
    return said.append


def test_one_is_installed_once_and_what_was_cut_off_is_begun_anew(tmp_path: Path) -> None:
    calls: list[Path] = []

    def install(directory: Path, packages: Sequence[str], say: Say) -> None:
        assert list(directory.iterdir()) == []
        (directory / "half").touch()
        calls.append(directory)
        if len(calls) == 1:
            raise Unavailable("the registry is away")
        say(packages[0])

    said: list[str] = []
    peer = Peer("peer_x", ("@a/x@1.0.0",), install, lambda *_: lambda _: 0.0)
    with pytest.raises(Unavailable, match="away"):
        installed(peer, told(said), tmp_path)
    first, second = (installed(peer, told(said), tmp_path) for _ in range(2))
    assert calls == [first, first]
    assert first == second
    assert tmp_path in first.parents
    assert said[0] == "@a/x@1.0.0"
    assert said[-1].startswith("peer_x: @a/x@1.0.0, from ")


def test_what_is_run_is_said_and_why_it_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with pytest.raises(Unavailable, match="no such option"):
        run([sys.executable, "-c", "raise SystemExit('no such option')"], told(said))
    with pytest.raises(Unavailable, match="No such file"):
        run([str(tmp_path / "nothing")], told(said))
    assert [line[:2] for line in said] == ["$ ", "$ "]
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="node is missing"):
        from_npm(tmp_path, ["x@1"], told(said))


def test_both_ways_insert_single_rows(connect: Connect) -> None:
    connection = connect()
    conninfo = connection.info.dsn
    against, insert = prepare(conninfo)
    program = beside_server(conninfo, "pgbench")
    assert against.startswith("16 threads" if program is None else "pgbench")
    assert insert(0.2) > 0
    before = rows(connection)
    assert before > 0
    assert by_psycopg(conninfo, "INSERT INTO plain (payload) VALUES ('')", 0.2) > 0
    assert rows(connection) > before
    if program is not None:
        with pytest.raises(Failed, match="aborted"):
            by_pgbench(program, conninfo, "INSERT INTO nowhere VALUES (1)", 0.2)


def rows(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM plain").fetchone()
    return 0 if row is None else int(row[0])
