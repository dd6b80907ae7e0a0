-- purpose: all of a package as it is: its rows and some of its files
-- called by: role reader (Store.overview)
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.package_now(p_package_id uuid, p_after text, p_limit integer)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = artifactstore, pg_temp
AS $$
    SELECT artifactstore.package_picture(p_package_id, p_after, p_limit)
$$;

COMMENT ON FUNCTION artifactstore.package_now(uuid, text, integer) IS
'A package as it is, in the form of package_past, without commands: these are told by allowed_commands';
