-- purpose: how far the log goes
-- called by: every function that needs the head, people in psql
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.log_head()
RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT coalesce(max(e.sequence), 0) FROM artifactstore.events e
$$;

COMMENT ON FUNCTION artifactstore.log_head() IS 'The highest sequence, 0 for an empty log';
