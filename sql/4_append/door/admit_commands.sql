-- purpose: what the door refuses, command by command
-- called by: append_commands, under the lock, when the door refuses something
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.admit_commands(
    p_event_types text[], p_subject_ids uuid[], p_actors text[], p_payloads bytea[], p_digests bytea[],
    p_expected bigint[], p_lasts integer[], p_head bigint, p_now timestamptz,
    OUT events artifactstore.decoded_event[], OUT refusals jsonb[]
)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_command artifactstore.decoded_event[];
    v_next bigint := p_head;
    v_first integer := 1;
    v_last integer;
    v_state text;
    v_detail text;
BEGIN
    FOREACH v_last IN ARRAY p_lasts LOOP
        BEGIN
            v_command := artifactstore.open_arguments(
                p_event_types[v_first:v_last], p_subject_ids[v_first:v_last], p_actors[v_first:v_last],
                p_payloads[v_first:v_last], p_digests[v_first:v_last], p_expected[v_first:v_last]);
            v_command := artifactstore.admit_events(v_command, v_next, p_now, p_expected[v_first:v_last]);
            v_next := greatest(v_next, v_command[cardinality(v_command)].sequence);
            refusals := refusals || NULL::jsonb;
        EXCEPTION WHEN SQLSTATE 'ST000' THEN
            GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_detail = PG_EXCEPTION_DETAIL;
            v_command := array_fill(NULL::artifactstore.decoded_event, ARRAY[v_last - v_first + 1]);
            refusals := refusals || jsonb_build_object('sqlstate', v_state, 'detail', v_detail::jsonb);
        END;
        events := events || v_command;
        v_first := v_last + 1;
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.admit_commands(
    text[], uuid[], text[], bytea[], bytea[], bigint[], integer[], bigint, timestamptz) IS
'The events of the commands, numbered after p_head, null where the command is refused; '
'and a refusal or null per command';
