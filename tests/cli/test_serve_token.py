"""F49: serve keeps only a token with which an operator can work; any other is replaced, and told why."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import click
import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo

from artifactstore import access
from artifactstore.cli.serve import _owners_token
from artifactstore.cli.session import Session
from artifactstore.events import TokenIssued, TokenRevoked, new_id
from artifactstore.store import Store

Prepare = Callable[[Store], access.AccessToken | None]


def _issued(
    store: Store, roles: Sequence[str] = ("operator",), seconds: float | None = None
) -> access.AccessToken:
    token = access.new_token(new_id())
    expires = None if seconds is None else store.log.clock() + timedelta(seconds=seconds)
    event = TokenIssued(token_id=token.token_id, roles=tuple(roles), expires=expires, reason="r")
    store.tokens.issue_token(event, "user:a", "user:a", token.secret_hash)
    return token


def _expired(store: Store) -> access.AccessToken:
    token = _issued(store, seconds=0.5)
    time.sleep(0.7)
    return token


def _revoked(store: Store) -> access.AccessToken:
    token = _issued(store)
    store.tokens.revoke_token(TokenRevoked(token_id=token.token_id, reason="r"), "user:a")
    return token


def _other_secret(store: Store) -> access.AccessToken:
    return access.new_token(_issued(store).token_id)


KEPT: dict[str, Prepare] = {
    "operator": _issued,
    "operator among others": lambda store: _issued(store, ("reader", "operator")),
    "operator for an hour": lambda store: _issued(store, seconds=3600),
}
REPLACED: dict[str, tuple[Prepare, str]] = {
    "expired": (_expired, "has expired"),
    "revoked": (_revoked, "was revoked"),
    "reader": (lambda store: _issued(store, ("reader",)), "no more than reader"),
    "producer": (lambda store: _issued(store, ("reader", "producer")), "no more than"),
    "of another log": (lambda _: access.new_token(new_id()), "does not know it"),
    "with another secret": (_other_secret, "does not know it"),
}


@pytest.fixture
def session(
    database: str, login_names: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Session:
    """A session on a database of this test's own; the file of the token is in a directory of its own."""
    monkeypatch.setenv("ARTIFACTSTORE_DATA_DIR", str(tmp_path))
    return Session(database_url=make_conninfo(database, user=login_names["service"]), chosen_actor="user:a")


def _serve(session: Session) -> tuple[access.AccessToken, str]:
    """The token that serve gives its owner, and what it tells."""

    @click.command()
    def command() -> None:
        assert _owners_token(session) == access.token_path()

    told = CliRunner().invoke(command, catch_exceptions=False).stderr
    token = access.read_token(access.token_path())
    assert token is not None
    return token, told


def _works(database: str, token: access.AccessToken) -> bool:
    with psycopg.connect(database, autocommit=True) as connection:
        known = Store(connection).tokens.find_token(token.token_id)
    assert known is not None
    left = known.seconds_left
    return not known.revoked and "operator" in known.roles and (left is None or left > 0)


def test_f49_the_first_start_makes_a_token_and_says_nothing(session: Session, database: str) -> None:
    token, told = _serve(session)
    assert told == ""
    assert _works(database, token)


@pytest.mark.parametrize("name", KEPT)
def test_f49_a_good_token_is_kept(session: Session, name: str) -> None:
    token = KEPT[name](session.database)
    assert token is not None
    access.write_token(access.token_path(), token)
    assert _serve(session) == (token, "")


@pytest.mark.parametrize("name", REPLACED)
def test_f49_any_other_is_replaced_and_told_why(session: Session, database: str, name: str) -> None:
    prepare, why = REPLACED[name]
    token = prepare(session.database)
    assert token is not None
    access.write_token(access.token_path(), token)
    made, told = _serve(session)
    assert made != token
    assert why in told
    assert str(access.token_path()) in told
    assert _works(database, made)
