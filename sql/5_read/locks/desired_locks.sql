-- purpose: how the objects of a store are to be locked, and what is known of how they are
-- called by: role service (Store.locks.page)
-- writes: nothing
--
-- What doomed_objects keeps is locked, too: what is to go is kept by holds and compliance that came later,
-- and the last copy of a live file by governance.
CREATE OR REPLACE FUNCTION artifactstore.desired_locks(
    p_backend text, p_after text, p_limit integer, p_since bigint DEFAULT NULL,
    p_different boolean DEFAULT false
)
RETURNS TABLE (
    uri text, mode text, until timestamptz, hold boolean, noted boolean, noted_mode text,
    noted_until timestamptz, noted_hold boolean, applied_at timestamptz, problem text
)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off -- by index, also where it is planned while the tables are small
SET enable_hashjoin = off -- row by row, in the order of the index: a page costs what is on it
SET enable_mergejoin = off
SET enable_hashagg = off
SET plan_cache_mode = force_custom_plan -- by what changed where that is asked, else by URI
AS $$
BEGIN
    RETURN QUERY
    SELECT o.uri, k.mode, k.until, k.hold, h.uri IS NOT NULL, h.mode, h.until, h.hold, h.applied_at, h.problem
    FROM (
        SELECT l.uri,
            max(r.retain_until) FILTER (
                WHERE r.mode = 'compliance' AND r.retain_until > statement_timestamp()) AS compliance,
            max(r.retain_until) FILTER (
                WHERE r.mode = 'governance' AND r.retain_until > statement_timestamp() AND CASE
                    WHEN l.retiring_at IS NULL THEN true
                    ELSE (
                        SELECT NOT artifactstore.is_gone(f.state)
                        FROM artifactstore.artifact_files f WHERE f.file_id = l.file_id)
                    AND (
                        SELECT true FROM artifactstore.storage_locations c
                        WHERE c.file_id = l.file_id AND c.retired_at IS NULL AND c.retiring_at IS NULL
                        LIMIT 1) IS NULL END) AS governance,
            bool_or(r.hold_count > 0) AS held
        FROM artifactstore.storage_locations l
        LEFT JOIN artifactstore.retention_state r ON r.package_id = l.package_id
        WHERE l.backend = p_backend AND l.uri > coalesce(p_after, 'store:') AND l.uri < 'store;'
            AND l.retired_at IS NULL
            AND (p_since IS NULL OR l.uri = ANY (ARRAY(
                SELECT t.uri FROM artifactstore.storage_locations t
                WHERE t.backend = p_backend AND t.retired_at IS NULL AND t.package_id = ANY (ARRAY(
                    SELECT e.subject_id FROM artifactstore.events e
                    WHERE e.sequence > p_since
                        AND (e.subject_kind = 'retention' OR e.event_type = 'v1.package.purged')))
                UNION ALL
                SELECT t.uri FROM artifactstore.storage_locations t
                WHERE t.backend = p_backend AND t.retired_at IS NULL AND t.file_id = ANY (ARRAY(
                    SELECT e.subject_id FROM artifactstore.events e
                    WHERE e.sequence > p_since AND e.subject_kind = 'file'))
                UNION ALL
                SELECT t.uri FROM artifactstore.storage_locations t
                WHERE t.backend = p_backend AND t.location_id = ANY (ARRAY(
                    SELECT e.subject_id FROM artifactstore.events e
                    WHERE e.sequence > p_since AND e.subject_kind = 'storage')))))
        GROUP BY l.uri
        -- Of a package without its row nobody knows what protects it: its objects stay as they are.
        HAVING bool_and(r.package_id IS NOT NULL)
        ORDER BY l.uri
    ) o
    CROSS JOIN LATERAL artifactstore.mirrored_lock(o.compliance, o.governance, o.held) k
    LEFT JOIN artifactstore.store_locks h ON h.backend = p_backend AND h.uri = o.uri
    WHERE NOT p_different
        OR h.uri IS NOT NULL AND h.applied_at IS NULL
        OR h.problem IS NOT NULL
        OR k.hold <> coalesce(h.hold, false)
        OR k.mode IS DISTINCT FROM CASE WHEN h.until > statement_timestamp() THEN h.mode END
        OR k.until IS DISTINCT FROM CASE WHEN h.until > statement_timestamp() THEN h.until END
    ORDER BY o.uri
    LIMIT p_limit;
END
$$;

COMMENT ON FUNCTION artifactstore.desired_locks(text, text, integer, bigint, boolean) IS
'How the objects of p_backend that unretired locations name are to be locked now, by the clock of the '
'database, see mirrored_lock; by URI in the order of bytes after p_after, at most p_limit; p_since: only '
'those that events after it are about; p_different: only those whose lock is not known to be so. '
'noted: whether store_locks has the object; noted_mode, noted_until, noted_hold, applied_at, problem: what '
'it says';
