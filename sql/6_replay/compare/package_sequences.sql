-- purpose: which events a package has, as far as its live rows know its files and copies
-- called by: package_at, package_past, check_packages
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.package_sequences(p_package_id uuid, p_last bigint)
RETURNS bigint[]
LANGUAGE sql STABLE
AS $$
    SELECT array_agg(e.sequence ORDER BY e.sequence)
    FROM (
        SELECT k.kind, p_package_id AS id FROM unnest(ARRAY['package', 'retention']) AS k (kind)
        UNION ALL
        SELECT 'file', f.file_id FROM artifactstore.artifact_files f
        WHERE f.package_id = p_package_id AND f.removed_at IS NULL
        UNION ALL
        SELECT 'file', f.file_id FROM artifactstore.artifact_files f
        WHERE f.package_id = p_package_id AND f.removed_at IS NOT NULL
        UNION ALL
        SELECT 'storage', l.location_id FROM artifactstore.storage_locations l
        WHERE l.package_id = p_package_id
    ) s
    JOIN artifactstore.events e ON e.subject_kind = s.kind AND e.subject_id = s.id AND e.sequence <= p_last
$$;

COMMENT ON FUNCTION artifactstore.package_sequences(uuid, bigint) IS
'Sequences, up to p_last, of the events of a package, its retention, its files and their locations; '
'null for none';
