-- purpose: refuse a field of a payload by its path
-- called by: cbor_encode_object, cbor_encode_value, cbor_encode_map, cbor_encode_list
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.refuse_field(
    p_event_type text, p_path text, p_problem text
)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    PERFORM artifactstore.refuse('bad-payload',
        jsonb_build_object('event_type', p_event_type, 'field', p_path, 'problem', p_problem));
END
$$;

COMMENT ON FUNCTION artifactstore.refuse_field(text, text, text) IS
'Raises bad-payload naming event type, field (such as locations[0].uri) and problem';
