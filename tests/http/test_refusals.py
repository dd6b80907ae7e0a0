"""F40: a problem document carries the facts, no number of an event that is not there, and no SQL."""

import re

from tests.http.running import Registry

_SQL = re.compile(r"artifactstore\.|SELECT|retention_state|retention_holds|event_types")


def test_f40_a_problem_says_what_its_client_needs(shared: Registry) -> None:
    package = shared.package(purl="pkg:generic/refused@1")
    shared.file(package, "a")
    until = "2100-01-01T00:00:00Z"
    shared.post(f"{package}/retention", {"mode": "compliance", "until": until})
    hold = shared.post(f"{package}/holds", {"case": "case 7", "reason": "r"}, 201)
    refusals = {
        "name-taken": ("/packages", {"purl": "pkg:generic/refused@1"}, 409),
        "legal-hold": (f"{package}/delete", {"reason": "r"}, 409),
        "retention-active": (f"{package}/retention", {"mode": "governance", "until": until}, 409),
    }
    told = {code: shared.refused(path, body, status, code) for code, (path, body, status) in refusals.items()}
    assert (told["name-taken"]["package_id"], told["name-taken"]["state"]) == (
        package.removeprefix("/packages/"),
        "open",
    )
    [held] = told["legal-hold"]["holds"]
    assert (held["hold_id"], held["case"]) == (hold["payload"]["hold_id"], "case 7")
    assert told["retention-active"]["mode"] == "compliance"
    assert told["retention-active"]["retain_until"] == "2100-01-01T00:00:00.000000Z"
    for problem in told.values():
        assert problem.keys() & {"sequence", "position"} == set()
        assert _SQL.search(problem["hint"]) is None
