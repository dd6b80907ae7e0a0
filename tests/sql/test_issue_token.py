"""issue_token, revoke_token, find_token, list_tokens and append_log_event: events and hashes together."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from artifactstore.access import AccessToken, new_token
from artifactstore.errors import BadInput, NotFound, Refused
from artifactstore.events import Request, TokenIssued, TokenRevoked, new_id
from artifactstore.store import Appended, Store
from tests.databases import Connect

_ACTOR, _HOLDER = "user:issuer", "user:holder"


@pytest.fixture
def store(connect: Connect) -> Store:
    """The store as the service uses it."""
    return Store(connect("service"))


def _issue(store: Store, **fields: object) -> tuple[AccessToken, Appended]:
    token = new_token(new_id())
    values: dict[str, object] = {"token_id": token.token_id, "roles": ("producer",), **fields}
    event = TokenIssued(**values)  # type: ignore[arg-type]
    return token, store.tokens.issue_token(event, _ACTOR, _HOLDER, token.secret_hash)


def test_the_first_token_begins_the_log(store: Store) -> None:
    token, issued = _issue(store)
    assert (issued.sequence, issued.appended, store.log.head()) == (2, True, 2)
    found = store.tokens.find_token(token.token_id)
    assert found == (token.token_id, token.secret_hash, _HOLDER, ["producer"], False, None)


def test_events_about_tokens_have_the_log_as_their_subject(store: Store) -> None:
    token, _ = _issue(store)
    store.tokens.revoke_token(TokenRevoked(token_id=token.token_id), _ACTOR)
    begun, issued, revoked = store.log.stored_events()
    assert begun.subject_id == issued.subject_id == revoked.subject_id
    assert [event.event_type for event in (issued, revoked)] == [
        "v1.system.token_issued",
        "v1.system.token_revoked",
    ]
    assert {event.actor for event in (issued, revoked)} == {_ACTOR}


def test_seconds_left_count_from_the_clock_of_the_database(store: Store) -> None:
    token, _ = _issue(store, expires=datetime.now(UTC) + timedelta(hours=1))
    ended, _ = _issue(store, expires=datetime.now(UTC) - timedelta(hours=1))
    left, gone = store.tokens.find_token(token.token_id), store.tokens.find_token(ended.token_id)
    assert left is not None
    assert 3_500 < (left.seconds_left or 0) < 3_700
    assert gone is not None
    assert (gone.seconds_left or 0) < 0
    states = {row["token_id"]: row["state"] for row in store.tokens.tokens()}
    assert states == {token.token_id: "good", ended.token_id: "expired"}


def test_revoking_again_gives_the_event_that_did(store: Store) -> None:
    token, _ = _issue(store)
    first = store.tokens.revoke_token(TokenRevoked(token_id=token.token_id), _ACTOR)
    again = store.tokens.revoke_token(TokenRevoked(token_id=token.token_id, reason="r"), _ACTOR)
    assert again == first._replace(appended=False)
    assert store.log.head() == first.sequence
    found = store.tokens.find_token(token.token_id)
    assert found is not None
    assert found.revoked


def test_tokens_are_listed_in_pages(store: Store) -> None:
    tokens = [_issue(store)[0].token_id for _ in range(3)]
    found: list[UUID] = []
    while page := store.tokens.tokens(found[-1] if found else None, 2):
        found += [row["token_id"] for row in page]
    assert found == sorted(tokens)
    assert "secret_hash" not in store.tokens.tokens()[0]


def test_refusals_leave_log_and_tokens_as_they_were(store: Store, connect: Connect) -> None:
    token, issued = _issue(store)
    for refuse, kind in (
        (lambda: _issue(store, token_id=token.token_id), Refused),
        (lambda: store.tokens.revoke_token(TokenRevoked(token_id=new_id()), _ACTOR), NotFound),
        (lambda: _issue(store, expires=datetime.now()), BadInput),  # noqa: DTZ005 - naive on purpose
    ):
        with pytest.raises(kind):
            refuse()
    assert store.log.head() == issued.sequence
    rows = connect().execute("SELECT count(*) FROM artifactstore.tokens").fetchone()
    assert rows == (1,)


def test_a_repeated_request_issues_no_second_token(store: Store) -> None:
    request = Request(key="k", digest=bytes(32), events=1)
    first, second = new_token(new_id()), new_token(new_id())
    answers = [
        store.tokens.issue_token(
            TokenIssued(token_id=token.token_id, roles=("reader",)),
            _ACTOR,
            _HOLDER,
            token.secret_hash,
            request,
        )
        for token in (first, second)
    ]
    assert answers[1] == answers[0]._replace(appended=False)
    assert store.tokens.find_token(second.token_id) is None


def test_a_token_survives_replay(store: Store, connect: Connect) -> None:
    """State outside the log: replay neither needs nor touches it."""
    token, _ = _issue(store)
    connect().execute("SELECT * FROM artifactstore.replay()")
    assert store.tokens.find_token(token.token_id) is not None


def test_only_known_roles_are_stored(store: Store) -> None:
    for roles in ((), ("admin",)):
        with pytest.raises(Exception, match="tokens_roles_check"):
            _issue(store, roles=roles)


@pytest.mark.parametrize("part", ["reader", "writer", "operator"])
def test_other_roles_may_not(part: str, connect: Connect) -> None:
    connection = connect(part)
    for call in (
        "issue_token('', '', 'a', 'b', '')",
        "revoke_token('', '', 'a')",
        "append_log_event('v1.system.token_issued', '', '', 'a')",
        "find_token(gen_random_uuid())",
        "list_tokens()",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SELECT artifactstore.{call}".encode())
