"""F28: SIGTERM ends the service within --stop-seconds, whatever the network does; who waits is told."""

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from artifactstore.http import Settings
from tests.http.faults import Fault
from tests.http.raw import Raw, head
from tests.http.running import Running, issue
from tests.http.test_departure import standing_still
from tests.http.test_serve import serving, wait_ready
from tests.timing import SLACK, within

_STOP = 8
_ASKED = (("GET", "/packages"), ("GET", "/events?since=head&wait=50"), ("POST", "/packages"), ("GET", "/log"))


def _ask(url: str, method: str, path: str, token: str) -> Raw:
    """Send a request; its answer is read later."""
    service = Running(url, Settings(database_url=""), {"producer": token})
    body = '{"purl": "pkg:generic/stop@1"}' if method == "POST" else ""
    raw = Raw(service, 30)
    headers = ("Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close")
    raw.send(head(service, f"{method} {path}", *headers) + body)
    return raw


def _told(raw: Raw) -> object:
    """The code of the problem, or the status; None when it was closed without an answer."""
    with raw:
        answer = raw.answer()
        return answer and (answer.code or answer.status)


@pytest.mark.parametrize("workers", [1, 2])
def test_f28_sigterm_ends_it_in_time(
    workers: int, fault: Fault, service_conninfo: str, database: str, record_property: Any
) -> None:
    """Reads, writes and waits are under way, with bounds that are far away; each of them is answered."""
    token = issue(service_conninfo)["producer"]
    arguments = ("--stop-seconds", str(_STOP), "--workers", str(workers))
    environment = {"DATABASE_URL": fault.conninfo, "ARTIFACTSTORE_LOG_LEVEL": "error"}
    with serving(*arguments, **environment) as (process, told):
        url = told["listens"]
        wait_ready(url)
        for method, path in _ASKED[::2]:
            assert _told(_ask(url, method, path, token)) in (200, 201)
        with standing_still(database):
            asked = [_ask(url, *one, token) for one in _ASKED * 2]
            time.sleep(1)
            fault.cut()
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert process.wait(_STOP + 10) == 0
            seconds = time.monotonic() - began
            answers = [_told(one) for one in asked]
            fault.mend()
        record_property("stopped", seconds)
        assert seconds < _STOP + SLACK
        assert set(answers) <= {"unavailable", 200, "busy"}, answers


def test_f28_a_thread_that_nothing_ends_does_not_hold_up_the_stop(service_conninfo: str) -> None:
    """Such as one in the resolver, for which Python waits at its end."""
    program = (
        "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start();"
        "from artifactstore.cli.main import main; main()"
    )
    environment = {**os.environ, "DATABASE_URL": service_conninfo}
    command = [sys.executable, "-c", program, "serve", "--json", "--port", "0", "--stop-seconds", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            time.sleep(1.5)
            process.send_signal(signal.SIGTERM)
            with within(5):
                assert process.wait(15) == 0
        finally:
            process.kill()
