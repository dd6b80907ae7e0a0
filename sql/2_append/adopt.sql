-- purpose: make this database the home of the log: it was moved here on purpose, and nothing was lost
-- called by: role operator (artifactstore adopt), restored
-- writes: home
CREATE OR REPLACE FUNCTION artifactstore.adopt()
RETURNS artifactstore.home
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
DECLARE
    v_here artifactstore.home;
BEGIN
    PERFORM artifactstore.lock_log();
    v_here := artifactstore.here();
    INSERT INTO artifactstore.home AS h SELECT v_here.*
    ON CONFLICT ((true)) DO UPDATE SET (system_identifier, database_oid, timeline, since)
        = (v_here.system_identifier, v_here.database_oid, v_here.timeline, CASE
            WHEN (h.system_identifier, h.database_oid) = (v_here.system_identifier, v_here.database_oid)
            THEN h.since ELSE v_here.since END)
    RETURNING * INTO v_here;
    RETURN v_here;
END
$$;

COMMENT ON FUNCTION artifactstore.adopt() IS
'Makes this database and timeline the home of the log, which then takes appends. For a log that ends where its followers think it ends; otherwise restored()';
