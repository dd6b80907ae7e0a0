-- purpose: how long after an object got its id it may be named for the first time, the one place that says it
-- called by: object_fault
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.upload_limit()
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT interval '7 days'
$$;

COMMENT ON FUNCTION artifactstore.upload_limit() IS
'How old the id of an object may be when its first event comes: objects that no event names are collected a '
'day later';
