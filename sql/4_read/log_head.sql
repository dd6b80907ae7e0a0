-- purpose: how far the log goes
-- called by: append_token_event, replay, rebuild, people in psql
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.log_head()
RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT coalesce(max(e.sequence), 0) FROM artifactstore.events e
$$;

COMMENT ON FUNCTION artifactstore.log_head() IS 'The highest sequence, 0 for an empty log';
