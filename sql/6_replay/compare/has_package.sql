-- purpose: do the rows of a view belong to packages
-- called by: find_differences, compare_view_sets, package_rows
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.has_package(p_view text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT p_view NOT IN ('retention_policies', 'requests', 'log_epochs')
$$;

COMMENT ON FUNCTION artifactstore.has_package(text) IS 'Whether the rows of a view carry a package_id';
