-- purpose: what may be done with a package now, and why not
-- called by: role service (Store.allowed_commands)
-- writes: nothing that stays
CREATE OR REPLACE FUNCTION artifactstore.allowed_commands(p_package_id uuid)
RETURNS TABLE (event_type text, refusal jsonb, bypass boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
AS $$
DECLARE
    v_schema text;
    v_head bigint;
    v_now timestamptz;
    v_commands jsonb;
BEGIN
    SELECT e.sequence, greatest(clock_timestamp(), e.created_at) INTO v_head, v_now
    FROM artifactstore.events e ORDER BY e.sequence DESC LIMIT 1;
    BEGIN
        v_schema := artifactstore.take_scratch();
        PERFORM artifactstore.copy_package(v_schema, p_package_id);
        v_commands := artifactstore.package_commands(v_schema, p_package_id, v_head, v_now);
        -- The rows were only to be judged by: an error that is caught takes them away.
        RAISE EXCEPTION USING ERRCODE = 'RB000', MESSAGE = 'undo';
    EXCEPTION WHEN SQLSTATE 'RB000' THEN
        NULL;
    END;
    RETURN QUERY
    SELECT c.event_type, nullif(c.refusal, 'null'), c.bypass
    FROM jsonb_to_recordset(v_commands) AS c (event_type text, refusal jsonb, bypass boolean);
END
$$;

COMMENT ON FUNCTION artifactstore.allowed_commands(uuid) IS
'For each command on a package, by its event type: refusal {sqlstate, detail}, null if it is allowed now, '
'and bypass: whether an operator may bypass that. Judged by the projectors themselves, on a copy of its rows';
