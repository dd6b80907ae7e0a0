-- purpose: append one event from psql: the payload as JSON, the actor is the login
-- called by: role writer, in psql
-- writes: through append
CREATE OR REPLACE FUNCTION artifactstore.append_json(
    p_event_type text, p_subject_id uuid, p_payload json, p_expected bigint DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
AS $$
DECLARE
    v_payload bytea := artifactstore.cbor_encode(p_event_type, p_payload);
    v_min_role text;
BEGIN
    SELECT CASE WHEN p_payload ->> 'bypass_governance' = 'true' THEN 'operator' ELSE t.min_role END
    INTO v_min_role
    FROM artifactstore.event_types t WHERE t.event_type = p_event_type;
    IF v_min_role IS NULL THEN
        PERFORM artifactstore.refuse('unknown-event-type', jsonb_build_object(
            'event_type', p_event_type, 'problem', p_event_type));
    ELSIF v_min_role <> 'writer' AND artifactstore.is_member('operator') IS NOT TRUE THEN
        PERFORM artifactstore.refuse('forbidden', jsonb_build_object(
            'event_type', p_event_type, 'needs', 'operator', 'problem', 'it needs the role operator'));
    ELSIF artifactstore.names_object(artifactstore.cbor_decode(v_payload))
        AND artifactstore.is_member('service') IS NOT TRUE
    THEN
        -- Whoever names an object can have its bytes read to him.
        PERFORM artifactstore.refuse('forbidden', jsonb_build_object('event_type', p_event_type,
            'needs', 'service', 'problem', 'objects of stores are named by the role service alone'));
    END IF;
    RETURN (SELECT a.sequence FROM artifactstore.append(
        ARRAY[p_event_type], ARRAY[p_subject_id], ARRAY['db:' || session_user],
        ARRAY[v_payload], ARRAY[artifactstore.blake3(v_payload)], ARRAY[p_expected]) a);
END
$$;

COMMENT ON FUNCTION artifactstore.append_json(text, uuid, json, bigint) IS
'Appends one event and returns its sequence. p_payload as in event_types.fields: ids as uuid, '
'digests as hex, times as RFC 3339; p_expected: last_sequence that the row of the subject must have '
'(0: no row)';
