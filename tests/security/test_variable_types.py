"""F52: PL/pgSQL looks the types of variables up once in a session, in the path of whoever calls first."""

import re

import psycopg
import pytest

from tests.databases import Connect
from tests.security import hostile

_GRAMMAR = (
    "bigint",
    "bit",
    "boolean",
    "double precision",
    "int",
    "integer",
    "interval",
    "numeric",
    "smallint",
)
"""Types that the grammar names: no path is searched for them."""
_BODY = re.compile(r"^BEGIN$", re.MULTILINE)
_DECLARED = re.compile(
    r"^\s*(?:DECLARE\s+)?([vc]_\w+)\s+(?:CONSTANT\s+)?([^:;]+?)\s*(?::=|;|$)", re.MULTILINE
)


def test_f52_variables_of_open_functions_have_types_with_their_schema(connect: Connect) -> None:
    """F52: of every function that others than the owner may execute with their own rights."""
    query = """
        SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
        WHERE p.pronamespace = 'artifactstore'::regnamespace AND NOT p.prosecdef AND l.lanname = 'plpgsql'
            AND EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee <> p.proowner)
        """
    found = connect().execute(query).fetchall()
    declared = [
        (name, variable, kind)
        for name, source in found
        for variable, kind in _DECLARED.findall(_BODY.split(source, maxsplit=1)[0])
    ]
    assert len({name for name, _, _ in declared}) > 15
    assert [
        one
        for one in declared
        if not one[2].startswith(("pg_catalog.", "artifactstore.")) and one[2].rstrip("[]") not in _GRAMMAR
    ] == []


@pytest.mark.parametrize("kind", ["text", "jsonb", "record"])
def test_f52_types_of_a_caller_are_not_those_of_the_owner(
    connect: Connect, login_names: dict[str, str], kind: str
) -> None:
    """F52: what a session called first with types of its own does not meet its values as the owner."""
    superuser, service = connect(), connect("service")
    hostile.allow(superuser, login_names["service"])
    service.execute(hostile.EVIL.encode())
    service.execute(f"CREATE DOMAIN evil.{kind} AS pg_catalog.text CHECK (evil.run() = 1)".encode())
    service.execute("SET search_path = evil, pg_catalog")
    ((payload,),) = service.execute(
        "SELECT artifactstore.cbor_encode('v1.system.token_issued',"
        ' \'{"token_id": "01900000-0000-7000-8000-000000000001"}\')'
    ).fetchall()
    service.execute("SELECT artifactstore.cbor_decode(%b), artifactstore.blake3(%b)", (payload, payload))
    state = None
    try:
        service.execute(
            "SELECT artifactstore.issue_token(%b, artifactstore.blake3(%b), 'user:a', 'user:b', %b)",
            (payload, payload, bytes(32)),
        )
    except psycopg.Error as failure:
        state = failure.sqlstate
    # The token names no role, which the table refuses: it came that far.
    assert state == "23514"
    assert not hostile.caught(superuser)
