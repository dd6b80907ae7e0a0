"""What a login lacks, and the very statement with which somebody else gives it that."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import sql

from artifactstore import db
from artifactstore.errors import ArtifactstoreError, Forbidden
from artifactstore.store import Store

KINDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "reader": (("reader",), "reads the log and its views: dashboards, followers in SQL"),
    "writer": (("writer",), "appends with append_json, with its login as the actor: people in psql"),
    "service": (("service",), "appends with an actor of its choice: artifactstore ingest, serve"),
    "operator": (("operator", "service"), "all of it: verify, replay, doctor, tokens; people on call"),
}
"""Kind of login → the parts that it needs, and what for."""
WHO = "as the login that ran artifactstore migrate, or a superuser"
_DENIED = re.compile(r"permission denied for (?:materialized )?(\w+) (\S+)")


@dataclass(frozen=True, slots=True)
class Grant:
    """A statement that makes a login one of a kind.

    Attributes:
        kind: reader, writer, service or operator. what_for: what such a login does. statement: ends with ;.
    """

    kind: str
    what_for: str
    statement: str


def grants(roles: Mapping[str, str], login: str) -> list[Grant]:
    """The statement for each kind of login.

    Args:
        roles: part → role. login: whom to grant them to.
    """
    return [
        Grant(kind, what_for, _statement([roles[part] for part in parts], login))
        for kind, (parts, what_for) in KINDS.items()
    ]


def explained(failure: ArtifactstoreError, conninfo: str) -> ArtifactstoreError:
    """The failure; if PostgreSQL denied it to a login, with the role that it lacks and who grants it how.

    Asks over another connection: the one that failed is in no state to answer.
    """
    problem = str(failure.detail.get("problem"))
    denied = _DENIED.search(problem)
    needs = failure.detail.get("needs")
    if not isinstance(failure, Forbidden) or (failure.sqlstate != "42501" and needs is None):
        return failure
    try:
        with db.connect(conninfo, purpose="what is lacking") as connection:
            store = Store(connection)
            roles, has = store.grants.roles_of_parts(), store.grants.parts_of_login()
            login = connection.info.user
            may = [str(needs)] if needs else store.grants.parts_that_may(denied[2]) if denied else []
    except ArtifactstoreError:
        return failure
    if len(roles) < len(KINDS):
        return failure
    lacks = [part for part in may if part in roles and part not in has]
    if lacks and len(lacks) == len(may):
        told = [Grant(lacks[0], "", _statement([roles[lacks[0]]], login))]
    elif not has:
        told = grants(roles, login)
    else:
        return failure
    statements = "; ".join(f"{one.statement}{one.what_for and f' ({one.what_for})'}" for one in told)
    return Forbidden(
        failure.code,
        {**failure.detail, "login": login, "grants": [one.statement for one in told]},
        f"{WHO}: {statements}",
        failure.sqlstate,
    )


def _statement(roles: list[str], login: str) -> str:
    names = sql.SQL(", ").join(map(sql.Identifier, roles))
    return sql.SQL("GRANT {} TO {};").format(names, sql.Identifier(login)).as_string(None)
