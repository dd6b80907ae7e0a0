-- purpose: the one place that says which states of a file are final
-- called by: project_file_state, project_storage_registered, project_storage_retired, doomed_objects,
--     desired_locks, Store.health
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.is_gone(p_state text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT p_state IN ('removed', 'purged')
$$;

COMMENT ON FUNCTION artifactstore.is_gone(text) IS
'Whether a file in this state is no longer in a package: it was removed, or purged with all of it';
