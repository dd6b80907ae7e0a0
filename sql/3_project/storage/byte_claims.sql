-- purpose: who else needs the bytes that locations name, and what is to be done about those that are retiring
-- called by: check_bytes, copy_removals, bytes_needed
-- writes: nothing
--
-- Bytes belong to (backend, uri), in whatever package. A location claims them from its first event until it
-- is retired, and nothing happens to it after that. So which others claimed them at p_sequence can be told
-- from rows that reflect a later event just as well, whatever the order in which packages were folded.
CREATE OR REPLACE FUNCTION artifactstore.byte_claims(p_locations uuid[], p_sequences bigint[] DEFAULT NULL)
RETURNS TABLE (location_id uuid, sequence bigint, needed_by jsonb, removal text)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off -- by index, also where it is planned while the table is small
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT l.location_id, a.sequence,
        CASE WHEN o.claims > 0 THEN (
            SELECT jsonb_build_object('location_id', f.location_id, 'file_id', f.file_id,
                'package_id', f.package_id, 'purl', p.purl, 'state', f.state, 'more', o.claims - 1)
            FROM storage_locations f LEFT JOIN artifact_packages p ON p.package_id = f.package_id
            WHERE f.location_id = o.first) END,
        CASE
            WHEN l.state <> 'retiring' THEN NULL
            WHEN o.claims = 0 THEN 'remove'
            -- If all are to go, the last one to come removes the bytes, after the others gave them up.
            WHEN o.kept = 0 AND o.later = 0 THEN 'wait'
            ELSE 'detach' END
    FROM unnest(p_locations, p_sequences) AS a (location_id, sequence)
    JOIN storage_locations l ON l.location_id = a.location_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS claims, count(*) FILTER (WHERE c.state <> 'retiring') AS kept,
            count(*) FILTER (
                WHERE (c.created_sequence, c.location_id) > (l.created_sequence, l.location_id)) AS later,
            (array_agg(c.location_id ORDER BY c.state = 'retiring', c.created_sequence, c.location_id))[1]
                AS first
        FROM storage_locations c
        WHERE c.backend = l.backend AND c.uri = l.uri AND c.location_id <> l.location_id
            AND (c.retired_at IS NULL OR c.last_sequence > a.sequence)
            AND coalesce(c.created_sequence < a.sequence, true)) o
    WHERE l.retired_at IS NULL OR a.sequence IS NOT NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.byte_claims(uuid[], bigint[]) IS
'Per location (by now, per unretired one): needed_by, the first of the other locations that name the same '
'bytes and were not retired (before the event p_sequences; '
'null: by now), and how many more there are, null if there is none; '
'removal of a retiring one: remove the bytes, detach it because others need them, '
'or wait until the others that are to go, too, are detached';
