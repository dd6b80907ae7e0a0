-- purpose: objects of a store that are to be removed: no live location names them
-- called by: role service (Store.objects.doomed)
-- writes: nothing
--
-- An object is told once, by the last of its locations that began to retire. Doom is for ever, see
-- check_objects, so whatever this told may be removed at any time after it.
CREATE OR REPLACE FUNCTION artifactstore.doomed_objects(
    p_backend text, p_before timestamptz, p_limit integer, p_package uuid DEFAULT NULL,
    p_after_at timestamptz DEFAULT NULL, p_after uuid DEFAULT NULL
)
RETURNS TABLE (
    uri text, size bigint, retiring_at timestamptz, location_id uuid, location_ids uuid[], file_ids uuid[],
    package_ids uuid[], changed_sequences bigint[]
)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off -- by index, also where it is planned while the tables are small
SET plan_cache_mode = force_custom_plan -- by the package's copies where there is one, else by time
AS $$
BEGIN
    RETURN QUERY
    SELECT d.uri, f.size, d.retiring_at, d.location_id, a.location_ids, a.file_ids, a.package_ids,
        a.changed_sequences
    FROM (
        SELECT l.uri, l.retiring_at, l.location_id, l.file_id
        FROM artifactstore.storage_locations l
        WHERE l.backend = p_backend AND l.retired_at IS NULL AND l.retiring_at <= p_before
            AND l.uri LIKE 'store:%'
            AND (l.retiring_at, l.location_id) > (coalesce(p_after_at, '-infinity'),
                coalesce(p_after, '00000000-0000-0000-0000-000000000000'))
            AND (p_package IS NULL OR l.uri = ANY (ARRAY(
                SELECT o.uri FROM artifactstore.storage_locations o
                WHERE o.package_id = p_package AND o.backend = p_backend
                    AND o.retired_at IS NULL AND o.retiring_at IS NOT NULL)))
            -- Asked for each, with a LIMIT: as an anti join they would be planned by tables that were empty.
            AND (
                SELECT true FROM artifactstore.storage_locations c
                WHERE c.backend = l.backend AND c.uri = l.uri AND c.retired_at IS NULL AND (
                    c.retiring_at IS NULL OR (c.retiring_at, c.location_id) > (l.retiring_at, l.location_id))
                LIMIT 1) IS NULL
            -- Of what is gone, governance was judged by its removal; a later hold keeps what is left.
            AND (
                SELECT true FROM artifactstore.storage_locations c
                JOIN artifactstore.artifact_files k ON k.file_id = c.file_id
                JOIN artifactstore.retention_state r ON r.package_id = c.package_id
                WHERE c.backend = l.backend AND c.uri = l.uri AND c.retired_at IS NULL AND (
                    r.hold_count > 0
                    OR r.retain_until > statement_timestamp() AND (r.mode = 'compliance'
                        OR NOT artifactstore.is_gone(k.state) AND NOT EXISTS (
                            SELECT FROM artifactstore.storage_locations o
                            WHERE o.file_id = c.file_id AND o.retired_at IS NULL
                                AND o.retiring_at IS NULL)))
                LIMIT 1) IS NULL
        ORDER BY l.retiring_at, l.location_id
        LIMIT p_limit
    ) d
    JOIN artifactstore.artifact_files f ON f.file_id = d.file_id
    -- The last to come is the one that tells of the removal, as copy_removals has it.
    CROSS JOIN LATERAL (
        SELECT array_agg(c.location_id ORDER BY c.created_sequence, c.location_id) AS location_ids,
            array_agg(c.file_id ORDER BY c.created_sequence, c.location_id) AS file_ids,
            array_agg(c.package_id ORDER BY c.created_sequence, c.location_id) AS package_ids,
            array_agg(c.changed_sequence ORDER BY c.created_sequence, c.location_id) AS changed_sequences
        FROM artifactstore.storage_locations c
        WHERE c.backend = p_backend AND c.uri = d.uri AND c.retired_at IS NULL) a
    ORDER BY d.retiring_at, d.location_id;
END
$$;

COMMENT ON FUNCTION artifactstore.doomed_objects(text, timestamptz, integer, uuid, timestamptz, uuid) IS
'Objects of p_backend all of whose unretired locations have been retiring since p_before, at most p_limit, '
'by when the last began to (retiring_at, location_id: as p_after_at, p_after what comes behind), with these '
'locations, oldest first, their files, packages and versions; p_package: only objects that it names. Not '
'those of packages under hold or compliance, nor the last copies of live files under governance';
