"""Every PL/pgSQL body against the catalog: unknown columns, wrong types, missing RETURN, open injections.

A gate in the test database only. The extension comes from Debian's postgresql-15-plpgsql-check, so the gate
is in the run on Debian's server; scripts/test leaves it out of the others.
"""

from tests.databases import Connect
from tests.needs import needs_extension

SEES_TOO_MUCH = {
    "42804",  # an assignment that casts, as plpgsql is meant to
    "00000",  # OUT columns that RETURN QUERY fills
}
CHECK = """
    SELECT p.oid::regprocedure::text, c.sqlstate, c.level, c.lineno, c.message
    FROM pg_proc p
    JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
    LEFT JOIN LATERAL (
        SELECT t.tgrelid FROM pg_trigger t WHERE t.tgfoid = p.oid ORDER BY t.oid LIMIT 1) t ON true,
        LATERAL plpgsql_check_function_tb(
            p.oid, coalesce(t.tgrelid, 0), fatal_errors => false, other_warnings => true,
            extra_warnings => true, security_warnings => true, performance_warnings => false) c
    WHERE p.pronamespace = 'artifactstore'::regnamespace
    ORDER BY 1, 4
"""
BROKEN = """
    CREATE FUNCTION artifactstore.broken() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
        RETURN (SELECT no_such_column FROM artifactstore.events);
    END $$
"""


def test_plpgsql_check_finds_nothing_but_what_is_broken_on_purpose(connect: Connect) -> None:
    conn = connect()
    needs_extension(conn, "plpgsql_check", "postgresql-15-plpgsql-check")
    conn.execute("CREATE EXTENSION plpgsql_check SCHEMA public")
    conn.execute("SELECT artifactstore.begin_rebuild()")  # functions name the tables of a rebuild
    conn.execute("SET check_function_bodies = off")
    conn.execute(BROKEN)
    # Projectors name views without schema; their callers set this path.
    conn.execute("SET search_path = artifactstore, pg_temp, public")
    found = [row for row in conn.execute(CHECK) if row[1] not in SEES_TOO_MUCH]
    assert [row[:2] for row in found] == [("broken()", "42703")], found
