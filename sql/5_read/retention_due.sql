-- purpose: which packages may be destroyed because their retention ended, and why the others may not
-- called by: role reader (Store.due, Store.sweepable)
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.retention_due(
    p_before timestamptz DEFAULT NULL, p_due boolean DEFAULT NULL, p_after uuid DEFAULT NULL,
    p_limit bigint DEFAULT NULL
)
RETURNS TABLE (
    package_id uuid, purl text, state text, mode text, retain_until timestamptz, holds integer, due boolean,
    action text, why text
)
LANGUAGE sql STABLE
AS $$
    SELECT d.package_id, d.purl, d.state, d.mode, d.retain_until, d.holds, d.why = 'lapsed', CASE
            WHEN d.why <> 'lapsed' THEN NULL
            WHEN d.state = 'deleted' THEN 'purge'
            ELSE 'delete' END,
        d.why
    FROM (
        SELECT p.package_id, p.purl, p.state, r.mode, r.retain_until, r.hold_count AS holds, CASE
            WHEN p.state = 'purged' THEN 'purged'
            WHEN r.hold_count > 0 THEN 'legal-hold'
            -- Nobody said that it ends: a missing row or time is no end either.
            WHEN r.mode IS NULL OR r.mode = 'none' OR r.retain_until IS NULL THEN 'no-retention'
            -- Not now(): in a long transaction that would be the time of its beginning.
            WHEN coalesce(p_before, statement_timestamp()) >= r.retain_until THEN 'lapsed'
            ELSE 'retention-active' END AS why
        FROM artifactstore.artifact_packages p
        -- Said of both: in a merge of the two, each begins at the page.
        LEFT JOIN artifactstore.retention_state r
            ON r.package_id = p.package_id AND (p_after IS NULL OR r.package_id > p_after)
    ) d
    WHERE (p_due IS NULL OR (d.why = 'lapsed') = p_due) AND (p_after IS NULL OR d.package_id > p_after)
    ORDER BY d.package_id
    LIMIT p_limit
$$;

COMMENT ON FUNCTION artifactstore.retention_due(timestamptz, boolean, uuid, bigint) IS
'Packages by id after p_after, at most p_limit; p_due: only those that are due at p_before (null: now, '
'by the clock of the database), or only the others. '
'due: retention was applied, retain_until is reached, no hold, not purged; '
'action: what comes next, delete or purge; why: lapsed, or why not: purged, legal-hold, no-retention, '
'retention-active. Of the bytes of a purged package only those may go that nobody else names: copy_removals';
