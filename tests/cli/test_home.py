"""adopt and restored."""

from tests.cli.program import ACTOR, PURL, Program


def test_moved_adopt_and_restored(history: Program) -> None:
    history.admin.execute("UPDATE artifactstore.home SET system_identifier = 1")
    error = history.refused("package", "create", "pkg:generic/b@1", code=3, error="moved")
    assert error["detail"]["home"]["system_identifier"] == "1"
    assert "adopt" in error["hint"]
    assert "restored" in error["hint"]
    assert history.run("adopt").code == 2
    row = history.row("adopt", "--yes")
    assert (row["adopted"], row["head"]) == (True, 10)
    assert history.row("adopt", "--yes")["adopted"] is False
    assert history.row("package", "create", "pkg:generic/b@1")["sequence"] == 11


def test_restored_tells_the_new_epoch(history: Program) -> None:
    history.admin.execute("UPDATE artifactstore.home SET system_identifier = 1")
    history.refused("restored", code=2, error="usage")
    row = history.row("restored", "--reason", "a drill", "--yes")
    assert (row["sequence"], row["from_sequence"], row["reason"]) == (11, 10, "a drill")
    assert row["epoch"].startswith("2-")
    (event,) = history.rows("events", "--since", "10")
    assert event["payload"]["on_behalf_of"] == ACTOR
    assert history.row("verify")["found"] == 0
    # Holds are in force as before.
    history.refused("package", "delete", PURL, "--reason", "x", code=3, error="legal-hold")


def test_an_empty_log_has_no_epoch_to_end(program: Program) -> None:
    program.refused("restored", "--reason", "x", "--yes", code=4, error="not-found")


def test_f05_restored_tells_the_fork_point_that_it_is_given(history: Program) -> None:
    head = history.head()
    history.row("package", "create", "pkg:generic/after@1")
    history.refused("restored", "--from", str(head + 2), "--reason", "x", "--yes", code=4, error="not-found")
    history.refused("restored", "--from", "0", "--reason", "x", "--yes", code=2, error="usage")
    row = history.row("restored", "--from", str(head), "--reason", "told late", "--yes")
    assert (row["sequence"], row["from_sequence"]) == (head + 2, head)
    assert history.row("verify")["found"] == 0
