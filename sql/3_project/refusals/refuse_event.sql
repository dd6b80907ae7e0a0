-- purpose: raise a refusal that names the event at which it happened, with what decides on what to do next
-- called by: projectors
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.refuse_event(
    p_events artifactstore.decoded_event[], p_sequence bigint, p_code text, p_detail jsonb DEFAULT '{}'
)
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_event artifactstore.decoded_event;
BEGIN
    SELECT * INTO v_event FROM unnest(p_events) e WHERE e.sequence = p_sequence;
    PERFORM artifactstore.refuse(p_code, jsonb_build_object(
        'sequence', p_sequence, 'event_type', v_event.event_type, 'subject_id', v_event.subject_id
    ) || artifactstore.refusal_facts(p_code, v_event) || p_detail);
END
$$;

COMMENT ON FUNCTION artifactstore.refuse_event(artifactstore.decoded_event[], bigint, text, jsonb) IS
'Raises the named refusal for the event with p_sequence among p_events, with refusal_facts and p_detail';
