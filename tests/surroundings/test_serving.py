"""The service in odd surroundings of its process: it starts, works, and ends when it is told to."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
import pytest
from psycopg.conninfo import make_conninfo

from tests.effort import SURROUNDINGS
from tests.http.running import issue
from tests.http.test_serve import wait_ready


@dataclass(frozen=True)
class Place:
    """Environment of a service; ``before``: what a shell does before it is started."""

    environment: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    before: str = ""


PLACES = {
    "few files": Place(before="ulimit -n 96"),
    "no home": Place(without=frozenset({"HOME", "USER", "LOGNAME", "XDG_DATA_HOME"})),
    "another language": Place({"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR", "PYTHONUTF8": "0"}),
    "formats of libpq": Place(
        {"PGDATESTYLE": "German", "PGTZ": "Pacific/Kiritimati", "PGCLIENTENCODING": "LATIN1"}
    ),
    "proxies": Place({"HTTP_PROXY": "http://nowhere.invalid:1", "NO_PROXY": "fd07::/64"}),
    "umask 0777": Place(before="umask 0777"),
    "an odd time zone": Place({"TZ": "Nowhere/At_All"}),
    "no input and no output for errors": Place(before="exec <&- 2>&-"),
    "no place for temporary files": Place({"TMPDIR": "/nowhere", "TEMP": "", "TMP": ""}),
}


@pytest.mark.parametrize("name", list(PLACES)[:SURROUNDINGS])
def test_f14_f15_f16_the_service_works_in_odd_surroundings(
    name: str, database: str, login_names: dict[str, str]
) -> None:
    place, conninfo = PLACES[name], make_conninfo(database, user=login_names["service"])
    tokens = issue(conninfo)
    environment = {key: value for key, value in os.environ.items() if key not in place.without}
    command = [sys.executable, "-m", "artifactstore", "serve", "--json", "--port", "0", "--stop-seconds", "6"]
    with subprocess.Popen(
        ["sh", "-c", f'{place.before or ":"}; exec "$@"', "sh", *command],
        env={**environment, **place.environment, "DATABASE_URL": conninfo},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            wait_ready(told["listens"])
            with httpx.Client(base_url=told["listens"], trust_env=False) as client:
                client.headers["Authorization"] = f"Bearer {tokens['producer']}"
                made = client.post("/packages", json={"purl": "pkg:generic/odd@1"})
                assert made.status_code == 201, made.text
                assert made.json()["created_at"].endswith("Z")
                read = client.get(f"/packages/{made.json()['subject_id']}")
                assert (read.status_code, read.json()["purl"]) == (200, "pkg:generic/odd@1")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert process.stderr is not None
            assert b"Traceback" not in process.stderr.read()
        finally:
            process.kill()


def test_too_few_files_are_told_before_anything_is_served(database: str, login_names: dict[str, str]) -> None:
    conninfo = make_conninfo(database, user=login_names["service"])
    command = [
        sys.executable,
        "-m",
        "artifactstore",
        "--database-url",
        conninfo,
        "--json",
        "serve",
        "--port",
        "0",
    ]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *command], capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert "a process may open 64 files" in json.loads(done.stderr)["error"]["message"]
