"""What a doctor asks the database: locks, old transactions, leftovers, privileges, settings."""

import os

from psycopg.rows import dict_row
from psycopg.sql import SQL

from artifactstore.store.base import Connected
from artifactstore.store.rows import Row


class Health(Connected):
    """``store.health``: what doctor asks; each reads catalogs, none takes a lock."""

    def login(self) -> str:
        """Who is connected."""
        return self.connection.info.user

    def append_locks(self) -> list[Row]:
        """Who holds or awaits the append lock: pid, login, application, state, granted, seconds.

        ``seconds``: of the transaction of the holder, or of the wait; None where this login may not see it.
        """
        query = SQL(
            """
            SELECT DISTINCT ON (l.granted, l.pid, CASE WHEN l.pid IS NULL THEN l.virtualtransaction END)
                l.pid, a.usename::text AS login, a.application_name AS application, a.state, l.granted,
                extract(EPOCH FROM clock_timestamp() - CASE WHEN l.granted THEN a.xact_start
                    ELSE l.waitstart END)::double precision AS seconds
            FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
            WHERE l.locktype = 'relation' AND l.relation = 'artifactstore.append_lock'::regclass
                AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
                AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                    WHERE d.datname = current_database())
            ORDER BY l.granted DESC, l.pid, CASE WHEN l.pid IS NULL THEN l.virtualtransaction END,
                seconds DESC
            """
        )
        return self._all(dict_row, query)

    def lock_holders(self) -> list[Row]:
        """Who has the strongest locks on what is of this software: pid, login, application, state, since.

        One row of each other session, or prepared transaction (``gid``), with ``mode`` and ``locked``.
        ``state`` and ``since`` (of its transaction) are None where this login may not see them.
        """
        query = SQL(
            """
            WITH held AS (
                SELECT l.pid, l.virtualtransaction, l.mode, array_position(ARRAY['AccessShareLock',
                    'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock',
                    'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'], l.mode) AS strength,
                    CASE l.locktype WHEN 'relation' THEN format('%%I.%%I', n.nspname, c.relname)
                        ELSE format('the advisory lock (%%s, %%s)', l.classid, l.objid) END AS locked
                FROM pg_catalog.pg_locks l
                LEFT JOIN pg_catalog.pg_class c ON l.locktype = 'relation' AND c.oid = l.relation
                LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
                    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                        WHERE d.datname = current_database())
                    AND ((l.locktype = 'advisory' AND l.classid = 1095976275 AND l.objsubid = 2)
                        OR n.nspowner = (SELECT o.nspowner FROM pg_catalog.pg_namespace o
                            WHERE o.nspname = 'artifactstore'))
            ), strongest AS (
                SELECT DISTINCT ON (h.pid, h.virtualtransaction) h.* FROM held h
                WHERE h.strength = (SELECT max(m.strength) FROM held m)
                ORDER BY h.pid, h.virtualtransaction, h.locked
            )
            SELECT s.pid, a.usename::text AS login, a.application_name AS application, a.state,
                coalesce(a.xact_start, p.prepared) AS since, p.gid, s.mode, s.locked
            FROM strongest s LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.pid
            LEFT JOIN pg_catalog.pg_prepared_xacts p
                ON s.pid IS NULL AND s.virtualtransaction = '-1/' || p.transaction
            ORDER BY since NULLS LAST, s.pid LIMIT 10
            """
        )
        return self._all(dict_row, query, {})

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

    def notify_queue(self) -> Row:
        """The server's queue of notifications: usage (0…1), and rings: whether appends still tell anybody."""
        query = SQL(
            "SELECT pg_catalog.pg_notification_queue_usage() AS usage, artifactstore.bell_rings() AS rings"
        )
        return self._row(query)

    def notify_holders(self) -> list[Row]:
        """Who may keep that queue full, the most likely first: pid, login, application, base, state, seconds.

        Sessions of any database that are in a transaction, or whose client does not read: those that listen
        among them are what it waits for. The server tells nobody who listens.
        """
        query = SQL(
            """
            SELECT a.pid, a.usename::text AS login, a.application_name AS application,
                a.datname::text AS base, a.state,
                extract(EPOCH FROM clock_timestamp()
                    - coalesce(a.xact_start, a.state_change))::double precision AS seconds
            FROM pg_catalog.pg_stat_activity a
            WHERE a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
                AND (a.xact_start IS NOT NULL OR a.wait_event = 'ClientWrite')
            ORDER BY seconds DESC LIMIT 3
            """
        )
        return self._all(dict_row, query, {})

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
        """Roles that may act as the owner, superusers aside: member, owner, statements that end it.

        From 16 on who creates a role administers it, and may then not act as it but let itself in: that is
        what migrate does for as long as it takes. A grant is only revoked in the name of who granted it.
        """
        query = SQL(
            """
            SELECT m.rolname::text AS member, o.rolname::text AS owner, string_agg(DISTINCT
                format('REVOKE %%I FROM %%I%%s CASCADE;', o.rolname, m.rolname,
                    CASE WHEN s.is_16 THEN format(' GRANTED BY %%I', pg_get_userbyid(g.grantor)) END),
                ' ') AS fix
            FROM (SELECT current_setting('server_version_num')::int >= 160000 AS is_16) s
            CROSS JOIN artifactstore.roles p
            JOIN pg_catalog.pg_roles o ON o.rolname = p.rolname
            JOIN pg_catalog.pg_auth_members g ON g.roleid = o.oid
            JOIN pg_catalog.pg_roles m ON m.oid = g.member AND NOT m.rolsuper
            WHERE p.role = 'owner' AND (NOT s.is_16
                OR 'true' IN (to_jsonb(g) ->> 'inherit_option', to_jsonb(g) ->> 'set_option'))
            GROUP BY m.rolname, o.rolname ORDER BY m.rolname
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

    def settings_off(self, names: list[str]) -> list[Row]:
        """Settings that are off in a new session of this login: name, source, statements that turn them on.

        Each place that says off is told, or taking one away would only let the next one show: what role and
        database have, and the server, unless it is known to have it on.
        """
        query = SQL(
            """
            SELECT s.name, s.source, concat_ws(' ', string_agg(
                    format('ALTER %%s RESET %%I;', concat_ws(' IN ',
                        CASE WHEN d.setrole <> 0 THEN format('ROLE %%I', pg_get_userbyid(d.setrole))
                            WHEN d.setdatabase = 0 THEN 'ROLE ALL' END,
                        CASE WHEN d.setdatabase <> 0 THEN format('DATABASE %%I', current_database()) END
                    ), s.name), ' ' ORDER BY d.setrole, d.setdatabase) FILTER (WHERE d.setrole IS NOT NULL),
                format('ALTER SYSTEM SET %%I = on; SELECT pg_reload_conf();', s.name)) AS fix
            FROM pg_catalog.pg_settings s LEFT JOIN pg_catalog.pg_db_role_setting d ON
                d.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
                AND d.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user))
                AND EXISTS (SELECT FROM unnest(d.setconfig) c
                    WHERE lower(split_part(c, '=', 1)) = s.name
                        AND lower(split_part(c, '=', 2)) IN ('off', 'false', 'no', '0', 'of', 'n', 'f'))
            WHERE s.name = ANY (%s) AND s.reset_val = 'off'
            GROUP BY s.name, s.source ORDER BY s.name
            """
        )
        return self._all(dict_row, query, (names,))

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
                WHERE NOT artifactstore.is_gone(f.state)
            ), shared_sha256 AS MATERIALIZED (
                SELECT f.* FROM (SELECT sha256 FROM artifactstore.artifact_files WHERE sha256 IS NOT NULL
                    GROUP BY sha256 HAVING count(*) > 1) d JOIN artifactstore.artifact_files f USING (sha256)
                WHERE NOT artifactstore.is_gone(f.state)
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
                THEN textsend(current_setting('data_directory')) END AS directory
            """
        )
        # As bytes: a name of a file is no text.
        directory: bytes | None = self._row(query)["directory"]
        return None if directory is None else os.fsdecode(directory)

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
