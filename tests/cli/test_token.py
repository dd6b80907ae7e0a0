"""artifactstore token: made, listed, revoked; events of the log, secrets nowhere but on the screen."""

import pytest

from artifactstore.access import parse_token
from artifactstore.store import Store
from tests.cli.program import ACTOR, Program


def test_a_token_is_made_listed_and_revoked(program: Program) -> None:
    made = program.row("token", "create", "user:ann", "--role", "producer", "--role", "reader")
    token = parse_token(made["token"])
    assert token is not None
    stored = Store(program.admin).tokens.find_token(token.token_id)
    assert stored is not None
    assert (stored.secret_hash, stored.actor, stored.revoked) == (token.secret_hash, "user:ann", False)
    (listed,) = program.rows("token", "list")
    assert (listed["token_id"], listed["issued_by"], listed["state"]) == (made["token_id"], ACTOR, "good")
    assert made["token"] not in program.run("token", "list").stdout
    revoked = program.row("token", "revoke", made["token_id"], "--reason", "rotated")
    assert revoked["was_revoked_before"] is False
    assert program.row("token", "revoke", made["token_id"])["was_revoked_before"] is True
    query = "SELECT event_type, actor, payload ->> 'reason' FROM artifactstore.event_log WHERE sequence > 1"
    assert program.admin.execute(query + " ORDER BY sequence").fetchall() == [
        ("v1.system.token_issued", ACTOR, "for user:ann"),
        ("v1.system.token_revoked", ACTOR, "rotated"),
    ]


def test_a_token_may_end(program: Program) -> None:
    made = program.row("token", "create", "user:ann", "--role", "reader", "--expires", "90d")
    stored = Store(program.admin).tokens.find_token(parse_token(made["token"]).token_id)  # type: ignore[union-attr]
    assert stored is not None
    assert stored.seconds_left is not None
    assert 89 * 86_400 < stored.seconds_left < 91 * 86_400


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "user:ann"),
        ("create", "user:ann", "--role", "admin"),
        ("create", "user:ann", "--role", "reader", "--expires", "2001-01-01T00:00:00Z"),
        ("create", "user:ann", "--role", "reader", "--expires", "soon"),
        ("create", "", "--role", "reader"),
        ("create", "user:\x1b[2J", "--role", "reader"),
        ("revoke", "1"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], program: Program) -> None:
    outcome = program.run("token", *arguments)
    assert outcome.code == 2
    assert program.admin.execute("SELECT count(*) FROM artifactstore.events").fetchone() == (0,)


def test_an_unknown_token_cannot_be_revoked(program: Program) -> None:
    outcome = program.run("token", "revoke", "0192f0c1-2d4b-7b6a-9c1d-0123456789ab")
    assert outcome.code == 4
