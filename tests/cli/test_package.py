"""Commands on packages, and what they refuse."""

from uuid import uuid4

import pytest

from tests.cli.program import ACTOR, PURL, Program


def test_create_gives_sequence_actor_and_row(program: Program) -> None:
    appended = program.row("package", "create", PURL, "--label", "team=core", "--label", "empty=")
    assert appended["actor"] == ACTOR
    assert appended["event_type"] == "v1.package.created"
    row = program.row("package", "show", PURL)
    assert row["package_id"] == appended["subject_id"]
    assert (row["state"], row["producer"], row["labels"]) == ("open", ACTOR, {"team": "core", "empty": ""})
    assert row["last_sequence"] == appended["sequence"] == program.head()


def test_create_with_retention_needs_mode_and_end(program: Program) -> None:
    program.refused("package", "create", PURL, "--retain-until", "30d", code=2, error="usage")
    program.refused("package", "create", PURL, "--policy", "p", code=2, error="usage")
    program.row(
        "package", "create", PURL, "--retain-mode", "compliance", "--retain-until", "2100-01-01T00:00:00Z"
    )
    retention = program.row("retention", "show", PURL)
    assert (retention["mode"], retention["retain_until"]) == ("compliance", "2100-01-01T00:00:00.000000Z")


def test_a_package_is_named_by_id_or_purl(program: Program, package: str) -> None:
    assert program.row("package", "show", package) == program.row("package", "show", PURL)


@pytest.mark.parametrize("command", ["show", "files", "seal"])
def test_unknown_packages_are_not_found(shared: Program, command: str) -> None:
    shared.refused("package", command, str(uuid4()), code=4, error="not-found")
    shared.refused("package", command, "pkg:generic/none@1", code=4, error="not-found")


def test_what_is_neither_purl_nor_id_is_bad_usage(shared: Program) -> None:
    problem = shared.refused("package", "show", "app", code=2, error="usage")["detail"]["problem"]
    assert "'app' is neither a purl" in problem


def test_life_of_a_package(program: Program, package: str) -> None:
    assert program.refused("package", "seal", PURL, code=3, error="empty")["hint"] == "ingest files first"
    payload = '{"package_id": "%s", "path": "a", "size": 3, "blake3": "%s"}' % (package, "ab" * 32)  # noqa: UP031
    program.row("append", "v1.file.ingested", "--subject", str(uuid4()), "--payload", payload)
    sealed = program.row("package", "seal", PURL)
    assert (sealed["file_count"], sealed["total_bytes"]) == (1, 3)
    program.refused("package", "seal", PURL, code=3, error="not-open")
    program.refused("package", "remove-file", PURL, "a", "--reason", "r", code=3, error="not-open")
    program.row("package", "yank", PURL, "--reason", "broken")
    program.refused("package", "yank", PURL, "--reason", "again", code=3, error="no-change")
    program.row("package", "unyank", PURL, "--reason", "mended")
    program.row("package", "delete", PURL, "--reason", "old")
    program.refused("package", "delete", PURL, "--reason", "again", code=3, error="wrong-state")
    program.row("package", "restore", PURL, "--reason", "needed")
    assert program.row("package", "show", PURL)["state"] == "sealed"
    program.row("package", "delete", PURL, "--reason", "old")
    program.refused("package", "purge", PURL, "--reason", "r", code=2, error="confirmation")
    program.row("package", "purge", PURL, "--reason", "old", "--yes")
    assert program.row("package", "show", PURL)["state"] == "purged"
    assert [file["state"] for file in program.rows("package", "files", PURL)] == ["purged"]
    # RG08: the name of a purged package is never free again.
    program.refused("package", "create", PURL, code=3, error="name-taken")


def test_labels_are_set_and_unset(program: Program, package: str) -> None:
    program.row("package", "label", PURL, "a=1", "b=2=3")
    program.row("package", "label", PURL, "a=4", "--unset", "b")
    assert program.row("package", "show", PURL)["labels"] == {"a": "4"}
    program.refused("package", "label", PURL, "a=4", code=3, error="nothing-to-do")
    program.refused("package", "label", PURL, "novalue", code=2, error="usage")
    assert [row["purl"] for row in program.rows("package", "list", "--label", "a=4")] == [PURL]
    assert program.rows("package", "list", "--label", "a=5") == []
    assert package == program.rows("package", "list")[0]["package_id"]


def test_a_removed_file_frees_its_path(program: Program, package: str) -> None:
    """RG08: other bytes under the same path are a new file, the old one stays in the log."""
    for digest in ("ab" * 32, "cd" * 32):
        payload = f'{{"package_id": "{package}", "path": "a", "size": 3, "blake3": "{digest}"}}'
        program.row("append", "v1.file.ingested", "--subject", str(uuid4()), "--payload", payload)
        (live,) = program.rows("package", "files", PURL)
        assert live["blake3"] == digest
        program.row("package", "remove-file", PURL, "a", "--reason", "wrong")
    removed = program.rows("package", "files", PURL, "--removed")
    assert [(file["state"], file["blake3"]) for file in removed] == [
        ("removed", "ab" * 32),
        ("removed", "cd" * 32),
    ]


def test_expected_protects_from_lost_updates(program: Program, package: str) -> None:
    version = program.row("package", "show", package)["last_sequence"]
    program.row("package", "label", PURL, "a=1", "--expected", str(version))
    detail = program.refused(
        "package", "label", PURL, "a=2", "--expected", str(version), code=3, error="changed"
    )["detail"]
    assert (detail["expected"], detail["actual"]) == (version, version + 1)


def test_list_pages_by_purl_bytes(program: Program) -> None:
    purls = ["pkg:generic/A@1", "pkg:generic/a-1@1", "pkg:generic/a1@1", "pkg:npm/a@1"]
    for purl in reversed(purls):
        program.row("package", "create", purl)
    assert [row["purl"] for row in program.rows("package", "list", "--limit", "2")] == purls[:2]
    assert [row["purl"] for row in program.rows("package", "list", "--after", purls[1])] == purls[2:]
    assert [row["purl"] for row in program.rows("package", "list", "--type", "npm")] == purls[3:]
    assert [row["purl"] for row in program.rows("package", "list", "--name", "a1")] == [purls[2]]
    assert program.rows("package", "list", "--state", "sealed") == []


TAKEN = {
    "pkg:generic/CON.@1": "pkg:generic/CON.@1",
    "pkg:generic/a@CON.": "pkg:generic/a@CON.",
    "pkg:generic/ü@1": "pkg:generic/%C3%BC@1",
    "pkg:generic/a@ü": "pkg:generic/a@%C3%BC",
    "pkg:generic//abs@1": "pkg:generic/abs@1",
}
HOSTILE = [
    "../../x",
    "/abs",
    "a b",
    "a\tb",
    "a\nb",
    "a\x1b[2Jb",
    "a\u202eb",
    "CON.",
    "ü",
    "a" * 1100,
    "a/../b",
    "%2e%2e",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused_and_cannot_forge_output(shared: Program, name: str) -> None:
    """RG10: as name and as version of a package."""
    for purl in (f"pkg:generic/{name}@1", f"pkg:generic/a@{name}", name):
        if purl in TAKEN:
            assert shared.row("package", "create", purl)["purl"] == TAKEN[purl]
            continue
        with shared.unchanged():
            outcome = shared.run("package", "create", purl)
        assert outcome.code == 2
        assert outcome.stderr.startswith("error[invalid-purl]: ")
        assert outcome.stderr.replace("\n", "").isprintable()
        assert "\u202e" not in outcome.stderr


def test_f09_sealing_expects_the_files_that_somebody_saw(program: Program, package: str) -> None:
    """The guard is the manifest, or the highest last_sequence of the package and its files."""
    seen = int(program.row("package", "show", package)["last_sequence"])
    program.admin.execute(
        "SELECT artifactstore.append_json('v1.file.ingested', artifactstore.new_id(), %s)",
        (f'{{"package_id": "{package}", "path": "late", "size": 1, "blake3": "{"ab" * 32}"}}',),
    )
    refusal = program.refused("package", "seal", package, "--expected", str(seen), code=3, error="changed")
    told = refusal["detail"]
    assert (told["guard"], told["actual"]) == ("manifest_digest", program.head())
    refusal = program.refused(
        "package", "seal", package, "--manifest-digest", "00" * 32, code=3, error="manifest-changed"
    )
    told = refusal["detail"]
    sealed = program.row(
        "package", "seal", package,
        "--manifest-digest", told["manifest_digest"], "--expected", str(program.head()),
    )  # fmt: skip
    assert sealed["manifest_digest"] == told["manifest_digest"]
