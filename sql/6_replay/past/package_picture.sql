-- purpose: the rows of a package in the view set that search_path names
-- called by: package_past, package_now
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.package_picture(p_package_id uuid, p_after text, p_limit integer)
RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    WITH page AS MATERIALIZED (
        SELECT * FROM artifact_files f
        WHERE f.package_id = p_package_id AND f.removed_at IS NULL AND f.path > p_after
        ORDER BY f.path LIMIT p_limit)
    SELECT jsonb_build_object(
        'package', (SELECT to_jsonb(p) FROM artifact_packages p WHERE p.package_id = p_package_id),
        'retention', (SELECT to_jsonb(r) FROM retention_state r WHERE r.package_id = p_package_id),
        'holds', (
            SELECT coalesce(jsonb_agg(to_jsonb(h) ORDER BY h.created_sequence, h.hold_id), '[]')
            FROM retention_holds h WHERE h.package_id = p_package_id),
        'totals', (
            SELECT jsonb_build_object('files', count(*), 'bytes', coalesce(sum(f.size), 0))
            FROM artifact_files f WHERE f.package_id = p_package_id AND f.removed_at IS NULL),
        'files', (SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY f.path), '[]') FROM page f),
        'locations', (
            SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.created_sequence, l.location_id), '[]')
            FROM storage_locations l
            WHERE l.retired_at IS NULL AND l.file_id = ANY (ARRAY(SELECT f.file_id FROM page f))))
$$;

COMMENT ON FUNCTION artifactstore.package_picture(uuid, text, integer) IS
'The rows of a package as objects: package, retention, holds, totals of its live files, '
'and p_limit of these after the path p_after with their locations that are not retired';
