"""Case LCK08: a migration changes what prepared statements return, while the service runs."""

import psycopg
from psycopg.sql import SQL, Identifier

from tests.http.running import Registry

_OTHER_RESULT = """
    CREATE FUNCTION artifactstore.list_tokens(uuid, bigint) RETURNS TABLE (
        more int, token_id uuid, actor text, roles text[], state text, issued_sequence bigint,
        issued_at timestamptz, issued_by text, expires_at timestamptz, revoked_sequence bigint,
        revoked_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER AS $$
        SELECT 1, t.token_id, t.actor, t.roles, 'good', t.issued_sequence, t.issued_at, t.issued_by,
            t.expires_at, t.revoked_sequence, t.revoked_at
        FROM artifactstore.tokens t
    $$
    """


def test_lck08_statements_outlive_a_changed_result(registry: Registry, admin: psycopg.Connection) -> None:
    """Every read is prepared by then; a column is added and the result of a function changes."""
    package = registry.package()
    file = registry.file(package)
    location = registry.location(file)
    paths = [
        package, f"{package}/files", f"{package}/retention", f"{package}/holds", f"{package}/manifest",
        f"{package}/retention/explain", file, f"{file}/locations", location, "/packages", "/files", "/tokens",
    ]  # fmt: skip
    for _ in range(10):
        for path in paths:
            registry.get(path)
        registry.post(f"{location}/verified", {"method": "full_read"})
    with admin.transaction():
        for view in ("artifact_packages", "artifact_files", "storage_locations", "retention_state"):
            admin.execute(SQL("ALTER TABLE artifactstore.{} ADD COLUMN x text").format(Identifier(view)))
        admin.execute("DROP FUNCTION artifactstore.list_tokens(uuid, bigint)")
        admin.execute(_OTHER_RESULT)
        admin.execute("GRANT EXECUTE ON FUNCTION artifactstore.list_tokens(uuid, bigint) TO PUBLIC")
    for _ in range(5):
        for path in paths:
            registry.get(path)
    registry.post(f"{location}/verified", {"method": "full_read"})
