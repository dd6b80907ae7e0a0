"""/openapi.json is complete and true: schemathesis tries every operation, with good data and bad."""

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from artifactstore.errors import ERRORS
from artifactstore.http.openapi import codes, document
from artifactstore.http.routes import ENDPOINTS
from tests.effort import IN_CI
from tests.http.running import Registry, Running

_SCHEMATHESIS = Path(sysconfig.get_path("scripts")) / "schemathesis"


def test_the_document_has_every_endpoint_and_every_status() -> None:
    told = document(ENDPOINTS)
    for endpoint in ENDPOINTS:
        operation = told["paths"][endpoint.path][endpoint.method.lower()]
        statuses = {str(ERRORS[code].http_status) for code in codes(endpoint)} | {str(endpoint.status)}
        assert statuses <= operation["responses"].keys()
        assert operation["summary"]
        assert operation["description"]
    identities = [operation["operationId"] for path in told["paths"].values() for operation in path.values()]
    assert len(identities) == len(set(identities))


def test_the_document_is_served_as_it_is(shared: Registry) -> None:
    told = shared.get("/openapi.json")
    assert told["openapi"] == "3.1.0"
    assert told == document(ENDPOINTS)


@pytest.mark.parametrize(
    ("phases", "examples", "known"),
    [
        pytest.param("coverage", 1, False, id="unknown ids", marks=IN_CI),
        pytest.param("fuzzing,stateful", 6, True, id="known ids", marks=IN_CI),
    ],
)
def test_schemathesis_finds_nothing(
    phases: str, examples: int, known: bool, shared_service: Running, shared: Registry, tmp_path: Path
) -> None:
    """No 5xx, nothing undocumented, no bad data taken, no way past authentication; the seed is fixed.

    Good data that is refused is no finding: bounds in bytes, the grammar of purls and the state of the log
    are more than JSON Schema can say.
    """
    config = tmp_path / "schemathesis.toml"
    # A poll that waits for what nobody appends would take its 55 s. Bad data may be answered 431 too: a text
    # may be longer than the whole head.
    config.write_text(
        "[checks.negative_data_rejection]\nexpected-statuses = "
        "[400, 401, 403, 404, 405, 406, 409, 415, 422, 428, 429, 431]\n"
        '[parameters]\n"query.wait" = 0\n' + (_parameters(shared) if known else "") + _UNREADABLE
    )
    command = [
        str(_SCHEMATHESIS), "--config-file", str(config), "run", f"{shared_service.url}/openapi.json",
        "--header", f"Authorization: Bearer {shared_service.tokens['operator']}",
        "--phases", phases, "--max-examples", str(examples), "--mode", "all", "--seed", "1",
        "--checks", "all", "--exclude-checks", "positive_data_acceptance",
        "--workers", "1", "--no-color",
    ]  # fmt: skip
    run = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "CI": "1"}, check=False
    )
    assert run.returncode == 0, run.stdout[:6_000] + run.stdout[-6_000:] + run.stderr[-2_000:]


_UNREADABLE = """
[[operations]]
include-path-regex = "/content(/|$)"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503]
"""
"""No copy of the files of these tests can be read."""


def _parameters(registry: Registry) -> str:
    package = registry.package()
    file = registry.file(package)
    location = registry.location(file)
    hold = registry.post(f"{package}/holds", {"case": "c", "reason": "r"})["payload"]["hold_id"]
    token = registry.post("/tokens", {"actor": "user:t", "roles": ["reader"]})["token_id"]
    known = {"hold_id": hold, "token_id": token, "sequence": "1"}
    known |= {f"{path.split('/')[1][:-1]}_id": path.split("/")[2] for path in (package, file, location)}
    return "".join(f'"path.{name}" = "{value}"\n' for name, value in known.items())
