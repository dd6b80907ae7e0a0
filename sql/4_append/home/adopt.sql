-- purpose: make this database the home of the log: it was moved here on purpose, and nothing was lost
-- called by: role operator (artifactstore adopt)
-- writes: home
CREATE OR REPLACE FUNCTION artifactstore.adopt()
RETURNS artifactstore.home
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
AS $$
DECLARE
    v_lost record;
BEGIN
    PERFORM artifactstore.lock_log();
    SELECT * INTO v_lost FROM artifactstore.log_evidence() e ORDER BY e.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse('events-lost', jsonb_build_object(
            'problem', format('%s %s: %s (%s)', v_lost.source, v_lost.name, v_lost.problem, v_lost.sequence),
            'source', v_lost.source, 'name', v_lost.name, 'named', v_lost.sequence,
            'head', artifactstore.log_head()));
    END IF;
    RETURN artifactstore.settle_home();
END
$$;

COMMENT ON FUNCTION artifactstore.adopt() IS
'Makes this database and timeline the home of the log, which then takes appends. '
'For a log that ends where its followers think it ends: refuses events-lost when something in the database '
'names an event that it does not have; then restored()';
