-- purpose: which rows of a view belong to packages, as a condition on alias v; $1 are the packages
-- called by: equalize, compare_view_sets
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.package_rows(p_view text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        -- Both partial indexes of artifact_files by package, each by its own predicate.
        WHEN p_view = 'artifact_files' THEN
            '(v.package_id = ANY ($1) AND v.removed_at IS NULL)'
            ' OR (v.package_id = ANY ($1) AND v.removed_at IS NOT NULL)'
        WHEN artifactstore.has_package(p_view) THEN 'v.package_id = ANY ($1)'
        ELSE format('$1 IS NOT NULL AND v.created_sequence IN (SELECT d.created_sequence'
            ' FROM artifactstore_rebuild.different_rows d WHERE d.view_name = %L)', p_view)
        END
$$;

COMMENT ON FUNCTION artifactstore.package_rows(text) IS
'Condition on the rows v of a view: those of the packages $1, or those that find_differences noted one by '
'one';
