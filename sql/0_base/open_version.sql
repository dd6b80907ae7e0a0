-- purpose: the version of an open package together with its files
-- called by: role reader (Store.package_version), row_version
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.open_version(p_package_id uuid)
RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT greatest(p.last_sequence, l.last, r.last)
    FROM artifactstore.artifact_packages p,
        -- Each by its own partial index.
        LATERAL (
            SELECT max(f.last_sequence) AS last
            FROM artifactstore.artifact_files f
            WHERE f.package_id = p.package_id AND f.removed_at IS NULL) l,
        LATERAL (
            SELECT max(f.last_sequence) AS last
            FROM artifactstore.artifact_files f
            WHERE f.package_id = p.package_id AND f.removed_at IS NOT NULL) r
    WHERE p.package_id = p_package_id
$$;

COMMENT ON FUNCTION artifactstore.open_version(uuid) IS
'Latest event that changed the row of a package or the list of its files: added one or removed one';
