-- purpose: how far ahead of the clock a time may be before it is taken for wrong, the one place that says it
-- called by: check_moment, object_fault, check_import, verify
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.clock_tolerance()
RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT interval '60 seconds'
$$;

COMMENT ON FUNCTION artifactstore.clock_tolerance() IS
'How far ahead of the clock a time in the log may be: beyond it nothing is imported and nothing destroyed';
