-- purpose: what may be done with a package, and why not, by the rules themselves
-- called by: allowed_commands, package_past
-- writes: nothing that stays
CREATE OR REPLACE FUNCTION artifactstore.package_commands(
    p_schema text, p_package_id uuid, p_head bigint, p_now timestamptz
)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_event artifactstore.decoded_event;
    v_refusal jsonb;
    v_bypass boolean;
    v_commands jsonb := '[]';
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', p_schema), true);
    FOR v_event IN SELECT * FROM artifactstore.probe_events(p_package_id, p_head + 1, p_now) LOOP
        v_refusal := artifactstore.try_event(v_event);
        v_bypass := false;
        IF v_refusal #>> '{detail,code}' = 'retention-active' AND (
            SELECT t.destructive FROM artifactstore.event_types t WHERE t.event_type = v_event.event_type)
        THEN
            v_event.payload := v_event.payload || '{"bypass_governance": true}';
            v_bypass := artifactstore.try_event(v_event) IS NULL;
        END IF;
        v_commands := v_commands || jsonb_build_array(jsonb_build_object(
            'event_type', v_event.event_type, 'refusal', v_refusal, 'bypass', v_bypass));
    END LOOP;
    RETURN v_commands;
END
$$;

COMMENT ON FUNCTION artifactstore.package_commands(text, uuid, bigint, timestamptz) IS
'Of the package in the view set p_schema, after event p_head and at p_now, for each command on it: '
'event_type, refusal (null: it is allowed) as try_event gives it, '
'and bypass: whether bypass_governance would make it allowed';
