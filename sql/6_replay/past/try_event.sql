-- purpose: what would the projectors say to an event
-- called by: package_commands
-- writes: nothing that stays
CREATE OR REPLACE FUNCTION artifactstore.try_event(p_event artifactstore.decoded_event)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_state text;
    v_detail text;
BEGIN
    BEGIN
        PERFORM artifactstore.check_moment(ARRAY[p_event], p_event.sequence - 1, p_event.created_at, NULL);
        PERFORM artifactstore.fold(ARRAY[p_event]);
        -- It was only to be tried: an error that is caught takes its rows away.
        RAISE EXCEPTION USING ERRCODE = 'RB000', MESSAGE = 'undo';
    EXCEPTION
        WHEN SQLSTATE 'RB000' THEN
            RETURN NULL;
        WHEN SQLSTATE 'ST000' THEN
            GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_detail = PG_EXCEPTION_DETAIL;
            RETURN jsonb_build_object('sqlstate', v_state, 'detail',
                v_detail::jsonb - ARRAY['sequence', 'position', 'subject_id', 'event_type']);
    END;
END
$$;

COMMENT ON FUNCTION artifactstore.try_event(artifactstore.decoded_event) IS
'Null if the event would be accepted by the views of the view set, else {sqlstate, detail} of its refusal';
