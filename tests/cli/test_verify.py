"""artifactstore verify: everything that was tampered with is found and named, and nothing is left behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, LiteralString

import pytest

from artifactstore import codec
from tests.cli.program import PURL, Program

Tamper = Callable[[Program], None]


def verify(program: Program, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report; log, views and schemas must be what they were."""
    schemas = program.admin.execute("SELECT nspname FROM pg_namespace ORDER BY 1").fetchall()
    with program.unchanged():
        outcome = program.run("--json", "verify", *options)
    assert program.admin.execute("SELECT nspname FROM pg_namespace ORDER BY 1").fetchall() == schemas
    assert outcome.objects, outcome.stderr
    return outcome.code, outcome.objects[0]


def test_nothing_is_found_in_a_good_log(history: Program) -> None:
    code, report = verify(history)
    assert (code, report["found"], report["findings"], report["head"]) == (0, 0, [], 10)
    (row,) = history.admin.execute("SELECT artifactstore.event_identity(10)")
    assert report["identity"] == f"sha256:{row[0].hex()}"
    assert len(report["cannot_know"]) == 3


def test_an_empty_log_is_whole(program: Program) -> None:
    code, report = verify(program)
    assert (code, report["head"], report["identity"]) == (0, 0, None)


def log(statement: LiteralString) -> Tamper:
    return lambda program: program.tamper("events", statement)


def view(name: str, statement: LiteralString) -> Tamper:
    return lambda program: program.tamper(name, statement)


OTHER = codec.encode({"purl": "pkg:generic/forged@1"})
FORGED = f"'\\x{OTHER.hex()}', payload_digest = '\\x{codec.digest(OTHER).hex()}'"

TAMPERING: dict[str, tuple[Tamper, dict[str, Any]]] = {
    "changed payload": (
        log("UPDATE artifactstore.events SET payload = payload || '\\x00' WHERE sequence = 3"),
        {"kind": "digest", "sequence": 3},
    ),
    "bytes after the payload": (
        log("UPDATE artifactstore.events SET payload = payload || '\\x00' WHERE sequence = 3"),
        {"kind": "payload", "sequence": 3},
    ),
    "changed digest": (
        log("UPDATE artifactstore.events SET payload_digest = sha256('') WHERE sequence = 3"),
        {"kind": "digest", "sequence": 3},
    ),
    "hole": (
        log("DELETE FROM artifactstore.events WHERE sequence = 3"),
        {"kind": "hole", "sequence": 3, "what": "missing: 3"},
    ),
    "missing beginning": (
        log("DELETE FROM artifactstore.events WHERE sequence < 3"),
        {"kind": "hole", "sequence": 1, "what": "missing: 1 to 2"},
    ),
    "cut off end with views left": (
        log("DELETE FROM artifactstore.events WHERE sequence = 10"),
        {"kind": "view", "view": "artifact_packages", "column": "(row)"},
    ),
    "time that goes back": (
        log("UPDATE artifactstore.events SET created_at = created_at - interval '1 day' WHERE sequence = 5"),
        {"kind": "time", "sequence": 5},
    ),
    "unknown type": (
        log("UPDATE artifactstore.events SET event_type = 'v9.package.created' WHERE sequence = 3"),
        {"kind": "event-type", "sequence": 3},
    ),
    "wrong kind of subject": (
        log("UPDATE artifactstore.events SET subject_kind = 'storage' WHERE sequence = 3"),
        {"kind": "subject", "sequence": 3},
    ),
    "payload forged with its digest": (
        log(f"UPDATE artifactstore.events SET payload = {FORGED} WHERE sequence = 2"),
        {"kind": "view", "view": "artifact_packages", "column": "purl"},
    ),
    "event that no projector takes": (
        log("UPDATE artifactstore.events SET event_type = 'v1.package.purged' WHERE sequence = 7"),
        {"kind": "refused", "sequence": 7},
    ),
    "view row edited": (
        view(
            "retention_state", "UPDATE artifactstore.retention_state SET extensions = 7 WHERE extensions = 1"
        ),
        {"kind": "view", "view": "retention_state", "column": "extensions", "what": "is 7, the log says 1"},
    ),
    "view row added": (
        view(
            "log_epochs",
            "INSERT INTO artifactstore.log_epochs SELECT 2, epoch_id, log_id, 1, null, 1, 1"
            " FROM artifactstore.log_epochs",
        ),
        {"kind": "view", "view": "log_epochs", "column": "(row)", "key": "[2]"},
    ),
    "view row removed": (
        view("retention_holds", "DELETE FROM artifactstore.retention_holds"),
        {"kind": "view", "view": "retention_holds", "column": "(row)"},
    ),
    "null for a value": (
        view("artifact_files", "UPDATE artifactstore.artifact_files SET sha256 = NULL WHERE path = 'a'"),
        {"kind": "view", "view": "artifact_files", "column": "sha256"},
    ),
    "digest of a file": (
        view(
            "artifact_files", "UPDATE artifactstore.artifact_files SET blake3 = sha256('') WHERE path = 'a'"
        ),
        {"kind": "manifest"},
    ),
    "guard switched off": (
        lambda program: _execute(
            program, "ALTER TABLE artifactstore.events DISABLE TRIGGER events_forbid_change"
        ),
        {
            "kind": "guard",
            "what": "trigger events_forbid_change ON artifactstore.events: enabled is D, installed is A: "
            "artifactstore migrate",
        },
    ),
    "guard that replicas ignore": (
        lambda program: _execute(
            program, "ALTER TABLE artifactstore.requests ENABLE TRIGGER requests_forbid_direct_write"
        ),
        {"kind": "guard"},
    ),
    "guard removed": (
        lambda program: _execute(program, "DROP TRIGGER events_forbid_truncate ON artifactstore.events"),
        {
            "kind": "guard",
            "what": "trigger events_forbid_truncate ON artifactstore.events is missing: "
            "artifactstore migrate",
        },
    ),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_is_found_and_named(history: Program, name: str) -> None:
    tamper, expected = TAMPERING[name]
    tamper(history)
    code, report = verify(history)
    assert code == 1
    assert [finding for finding in report["findings"] if expected.items() <= finding.items()], report[
        "findings"
    ]


def test_findings_name_place_and_values(history: Program) -> None:
    history.tamper("artifact_files", "UPDATE artifactstore.artifact_files SET size = 6 WHERE path = 'a'")
    outcome = history.run("verify")
    assert outcome.code == 1
    (file_id,) = [row["file_id"] for row in history.rows("package", "files", PURL) if row["path"] == "a"]
    assert f'view: artifact_files ["{file_id}"] size is 6, the log says 5' in outcome.stdout
    assert f"manifest: {PURL} was sealed with total_bytes 11, its files give 12" in outcome.stdout


def test_the_report_is_bounded_and_counts_the_rest(history: Program) -> None:
    history.tamper("events", "UPDATE artifactstore.events SET payload_digest = sha256('')")
    _, report = verify(history, "--max-findings", "3")
    # Ten digests, and the home names the last of these events as it was.
    assert (len(report["findings"]), report["found"]) == (3, 11)


def test_an_end_that_was_cut_off_everywhere_only_a_witness_notices(history: Program) -> None:
    _, seen = verify(history)
    history.admin.execute("UPDATE artifactstore.home SET sequence = 0, identity = NULL")
    history.tamper("events", "DELETE FROM artifactstore.events WHERE sequence = 10")
    history.tamper(
        "artifact_packages", "DELETE FROM artifactstore.artifact_packages WHERE created_sequence = 10"
    )
    history.tamper("retention_state", "DELETE FROM artifactstore.retention_state WHERE created_sequence = 10")
    assert verify(history)[0] == 0
    code, report = verify(history, "--expect-head", "10", "--expect-digest", seen["identity"])
    assert (code, report["findings"][0]["kind"]) == (1, "witness")


def test_a_witness_notices_another_event_in_its_place(history: Program) -> None:
    digest = verify(history)[1]["identity"]
    history.row("package", "create", "pkg:generic/later@1")
    assert verify(history, "--expect-head", "10", "--expect-digest", digest)[0] == 0
    code, report = verify(history, "--expect-head", "11", "--expect-digest", digest)
    assert (code, report["findings"][0]["kind"], report["findings"][0]["sequence"]) == (1, "witness", 11)
    history.refused("verify", "--expect-digest", digest, code=2, error="usage")


def test_appends_go_on_while_a_verification_runs(history: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from artifactstore.store.rebuilds import Rebuilds

    rebuild = Rebuilds.rebuild

    def appending_rebuild(store: Rebuilds, schema: str, last: int | None = None) -> int:
        label = """
            SELECT artifactstore.append_json('v1.package.labeled', package_id, '{"set": {"late": "1"}}')
            FROM artifactstore.artifact_packages
            """
        history.admin.execute(label)
        return rebuild(store, schema, last)

    monkeypatch.setattr(Rebuilds, "rebuild", appending_rebuild)
    outcome = history.run("--json", "verify")
    assert (outcome.code, outcome.objects[0]["head"], history.head()) == (0, 10, 12)


def _execute(program: Program, statement: LiteralString) -> None:
    program.admin.execute(statement)


def test_f06_a_cut_tail_of_token_events_is_found_and_the_tokens_are_named(history: Program) -> None:
    """A superuser deletes the last three events with the guards off; no view knows of them."""
    for _ in range(3):
        history.row("token", "create", "user:bob", "--role", "reader")
    head = history.head()
    assert verify(history)[0] == 0
    history.tamper("events", "DELETE FROM artifactstore.events WHERE sequence > 10")
    code, report = verify(history)
    assert (code, {one["kind"] for one in report["findings"]}) == (1, {"evidence"})
    assert [one["sequence"] for one in report["findings"]] == [11, 12, 13]
    assert all(one["what"].startswith("tokens ") for one in report["findings"])
    assert head == 13
    found = history.run("--json", "doctor")
    named = [one for one in found.objects[0]["findings"] if one["check"] == "evidence"]
    assert (found.code, len(named)) == (1, 3)
    history.refused("adopt", "--yes", code=3, error="events-lost")


def test_f05_a_witness_with_the_identity_sees_an_exchanged_actor_or_time(history: Program) -> None:
    """The payload is the same, and so is its digest."""
    seen = verify(history)[1]["identity"]
    (row,) = history.admin.execute("SELECT payload_digest FROM artifactstore.events WHERE sequence = 10")
    payload_digest = row[0].hex()
    history.admin.execute("UPDATE artifactstore.home SET sequence = 0, identity = NULL")
    history.tamper("events", "UPDATE artifactstore.events SET actor = 'user:eve' WHERE sequence = 10")
    history.tamper(
        "artifact_packages",
        "UPDATE artifactstore.artifact_packages SET producer = 'user:eve' WHERE created_sequence = 10",
    )
    history.tamper(
        "retention_state",
        "UPDATE artifactstore.retention_state SET last_actor = 'user:eve' WHERE created_sequence = 10",
    )
    assert verify(history)[0] == 0
    code, report = verify(history, "--expect-head", "10", "--expect-digest", seen)
    assert (code, report["findings"][0]["kind"]) == (1, "witness")
    for weak in (f"blake3:{payload_digest}", payload_digest):
        code, report = verify(history, "--expect-head", "10", "--expect-digest", weak)
        assert (code, report["witnessed"]) == (0, "payload_digest")
    told = history.run("verify", "--expect-head", "10", "--expect-digest", payload_digest).stdout
    assert "a payload digest alone is weak" in told


def test_f05_a_digest_says_what_it_is_of(history: Program) -> None:
    seen = verify(history)[1]["identity"]
    bare = seen.removeprefix("sha256:")
    for given in (seen, bare, bare.upper()):
        code, report = verify(history, "--expect-head", "10", "--expect-digest", given)
        assert (code, report["witnessed"]) == (0, "identity")
    code, report = verify(history, "--expect-head", "10", "--expect-digest", f"blake3:{bare}")
    assert (code, report["witnessed"]) == (1, None)
    for wrong in ("md5:" + bare, bare[:-1], "", f":{bare}"):
        history.refused("verify", "--expect-head", "10", "--expect-digest", wrong, code=2, error="usage")


def test_f05_whatever_tells_the_head_tells_its_identity(history: Program, tmp_path: Path) -> None:
    seen = verify(history)[1]["identity"]
    file = tmp_path / "log.export"
    assert history.row("status")["identity"] == seen
    assert history.row("export", file)["identity"] == seen
    assert history.row("verify-export", file)["identity"] == seen
    history.row("snapshot", "create")
    assert [row["identity"] for row in history.rows("snapshot", "list")] == [seen]


def test_f08_an_event_ahead_of_the_clock_is_found(history: Program) -> None:
    """Whether it was forged or the clock was set back: nothing is destroyed until then. Told once."""
    history.tamper(
        "events",
        "UPDATE artifactstore.events SET created_at = clock_timestamp() + interval '62 s' WHERE sequence > 8",
    )
    _, report = verify(history)
    found = [one["sequence"] for one in report["findings"] if one["kind"] == "time"]
    assert found == [9]
