"""What a doctor asks the database: locks, old transactions, leftovers, privileges, settings."""

from psycopg.rows import dict_row
from psycopg.sql import SQL

from artifactstore.store.base import Connected
from artifactstore.store.rows import Row


class Diagnosis(Connected):
    """The methods of ``Store`` behind doctor; each reads catalogs, none takes a lock."""

    def append_locks(self) -> list[Row]:
        """Who holds or awaits the append lock: pid, login, application, state, granted, seconds.

        ``seconds``: of the transaction of the holder, or of the wait; None where this login may not see it.
        """
        query = SQL(
            """
            SELECT l.pid, a.usename::text AS login, a.application_name AS application, a.state, l.granted,
                extract(EPOCH FROM clock_timestamp() - CASE WHEN l.granted THEN a.xact_start
                    ELSE l.waitstart END)::double precision AS seconds
            FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
            WHERE l.locktype = 'relation' AND l.relation = 'artifactstore.append_lock'::regclass
                AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
                AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                    WHERE d.datname = current_database())
            ORDER BY l.granted DESC, seconds DESC
            """
        )
        return self._all(dict_row, query)

    def old_transactions(self, seconds: float) -> list[Row]:
        """Sessions of this database whose transaction is older: pid, login, application, state, seconds."""
        query = SQL(
            """
            SELECT a.pid, a.usename::text AS login, a.application_name AS application, a.state,
                extract(EPOCH FROM clock_timestamp() - a.xact_start)::double precision AS seconds,
                age(a.backend_xmin) AS xmin_age
            FROM pg_catalog.pg_stat_activity a
            WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
                AND a.backend_type <> 'autovacuum worker'
                AND a.xact_start < clock_timestamp() - make_interval(secs => %s)
            ORDER BY a.xact_start
            """
        )
        return self._all(dict_row, query, (seconds,))

    def sees_sessions(self) -> bool:
        """Whether this login may see what the sessions of others do."""
        query = SQL("SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS sees")
        sees: bool = self._row(query)["sees"]
        return sees

    def prepared_transactions(self) -> list[Row]:
        """Prepared transactions of this database: gid, seconds."""
        query = SQL(
            """
            SELECT p.gid, extract(EPOCH FROM clock_timestamp() - p.prepared)::double precision AS seconds
            FROM pg_catalog.pg_prepared_xacts p WHERE p.database = current_database() ORDER BY p.prepared
            """
        )
        return self._all(dict_row, query)

    def idle_slots(self) -> list[Row]:
        """Replication slots of the server that nobody uses: name, bytes of WAL that they keep."""
        query = SQL(
            """
            SELECT s.slot_name::text AS name, s.wal_status, CASE WHEN pg_is_in_recovery() THEN NULL
                ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint END AS bytes
            FROM pg_catalog.pg_replication_slots s WHERE NOT s.active ORDER BY s.slot_name
            """
        )
        return self._all(dict_row, query)

    def leftovers(self) -> list[Row]:
        """Schemas that a crash left: name, whether a session still works on it, and which on a rebuild.

        An unfinished rebuild, and scratch view sets or snapshots that are not registered.
        """
        query = SQL(
            """
            SELECT n.nspname::text AS name, EXISTS (
                SELECT FROM pg_catalog.pg_stat_activity a
                WHERE a.datname = current_database() AND n.nspname = 'artifactstore_verify_' || a.pid
            ) AS used,
            CASE n.nspname WHEN 'artifactstore_rebuild' THEN artifactstore.rebuild_worker() END AS worker
            FROM pg_catalog.pg_namespace n
            JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
            JOIN artifactstore.roles o ON o.role = 'owner' AND o.rolname = r.rolname
            WHERE n.nspname ~ '^artifactstore_((verify|snapshot)_[0-9]+|rebuild)$'
                AND NOT EXISTS (SELECT FROM artifactstore.view_sets v WHERE v.schema_name = n.nspname)
            ORDER BY n.nspname
            """
        )
        return self._all(dict_row, query)

    def drop_leftover(self, schema: str) -> None:
        """Drop what ``leftovers`` names; raises ``Busy`` while a session works on it."""
        self._row(SQL("SELECT artifactstore.drop_leftover(%s)"), (schema,))

    def members_of_owner(self) -> list[Row]:
        """Roles that may act as the owner, superusers aside: member, owner, statement that ends it."""
        query = SQL(
            """
            SELECT m.rolname::text AS member, o.rolname::text AS owner,
                format('REVOKE %%I FROM %%I;', o.rolname, m.rolname) AS fix
            FROM artifactstore.roles p
            JOIN pg_catalog.pg_roles o ON o.rolname = p.rolname
            JOIN pg_catalog.pg_auth_members g ON g.roleid = o.oid
            JOIN pg_catalog.pg_roles m ON m.oid = g.member AND NOT m.rolsuper
            WHERE p.role = 'owner' ORDER BY m.rolname
            """
        )
        return self._all(dict_row, query, {})

    def owner_makes_schemas(self) -> bool:
        """Whether the owner role may create schemas in this database, as verify and replay need."""
        query = SQL(
            """
            SELECT has_database_privilege(p.rolname, current_database(), 'CREATE') AS may
            FROM artifactstore.roles p WHERE p.role = 'owner'
            """
        )
        may: bool = self._row(query)["may"]
        return may

    def views_are_stale(self) -> bool:
        """Whether other projectors than those installed made the live views."""
        query = SQL(
            """
            SELECT NOT EXISTS (
                SELECT FROM artifactstore.software s WHERE s.viewed_by = s.projectors) AS stale
            """
        )
        stale: bool = self._row(query)["stale"]
        return stale

    def settings(self, names: list[str]) -> dict[str, str]:
        """Settings of the server as a new session has them."""
        query = SQL("SELECT s.name, s.reset_val FROM pg_catalog.pg_settings s WHERE s.name = ANY (%s)")
        return {row["name"]: row["reset_val"] for row in self._all(dict_row, query, (names,))}

    def contradictions(self, limit: int) -> list[Row]:
        """Contents that live files tell of in two ways: digest, what (size, sha256 or blake3), files, ids.

        ``ids``: two files that contradict each other. A digest stands for one sequence of bytes, so of two
        that give it another size, or another digest, one is wrong.
        """
        query = SQL(
            """
            -- Digests that several files have are found in the indexes alone; only their rows are read.
            WITH shared AS MATERIALIZED (
                SELECT f.* FROM (SELECT blake3 FROM artifactstore.artifact_files GROUP BY blake3
                    HAVING count(*) > 1) d JOIN artifactstore.artifact_files f USING (blake3)
                WHERE f.state NOT IN ('removed', 'purged')
            ), shared_sha256 AS MATERIALIZED (
                SELECT f.* FROM (SELECT sha256 FROM artifactstore.artifact_files WHERE sha256 IS NOT NULL
                    GROUP BY sha256 HAVING count(*) > 1) d JOIN artifactstore.artifact_files f USING (sha256)
                WHERE f.state NOT IN ('removed', 'purged')
            ), told AS (
                SELECT 'blake3:' || encode(blake3, 'hex') AS digest, file_id, 'size' AS what,
                    size::text AS value
                FROM shared
                UNION ALL
                SELECT 'blake3:' || encode(blake3, 'hex'), file_id, 'sha256', encode(sha256, 'hex')
                FROM shared WHERE sha256 IS NOT NULL
                UNION ALL
                SELECT 'sha256:' || encode(sha256, 'hex'), file_id, 'blake3', encode(blake3, 'hex')
                FROM shared_sha256
            )
            SELECT digest, what, count(*) AS files, min(value) AS value, max(value) AS other,
                ARRAY[(array_agg(file_id ORDER BY value, file_id))[1],
                    (array_agg(file_id ORDER BY value DESC, file_id))[1]] AS ids
            FROM told GROUP BY digest, what HAVING min(value) <> max(value)
            ORDER BY digest, what LIMIT %s
            """
        )
        return self._all(dict_row, query, (limit,))

    def data_directory(self) -> str | None:
        """Where the server has its data, None if this login may not know."""
        query = SQL(
            """
            SELECT CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE')
                THEN current_setting('data_directory') END AS directory
            """
        )
        directory: str | None = self._row(query)["directory"]
        return directory

    def sizes(self) -> Row:
        """Bytes on disk of the log, of the live views and of the database."""
        query = SQL(
            """
            SELECT pg_total_relation_size('artifactstore.events') AS log_bytes, (
                SELECT sum(pg_total_relation_size(format('artifactstore.%%I', v)::regclass))::bigint
                FROM unnest(artifactstore.view_names()) v) AS view_bytes,
                pg_database_size(current_database()) AS database_bytes
            """
        )
        return self._row(query, {})
