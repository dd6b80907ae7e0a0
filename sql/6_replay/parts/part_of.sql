-- purpose: which part of a shared-out fold a package belongs to
-- called by: part_events, project_part
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.part_of(p_package_id uuid, p_parts integer)
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT (pg_catalog.uuid_hash(p_package_id) & 2147483647) % p_parts
$$;

COMMENT ON FUNCTION artifactstore.part_of(uuid, integer) IS
'Part, from 0 to p_parts - 1, that folds the events of a package: the same one always';
