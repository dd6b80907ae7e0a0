-- purpose: payload bytes to jsonb, refused unless they are exactly what the catalogue allows
-- called by: append, decode_range
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.decode_payload(
    p_event_type text, p_payload bytea, p_where jsonb
)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    v_payload jsonb;
    v_detail text;
BEGIN
    v_payload := artifactstore.cbor_decode(p_payload);
    -- encode(decode(p)) = p holds for a payload that fits its type, and for no other: an id sent as text decodes alike.
    IF artifactstore.cbor_encode(p_event_type, v_payload::json) IS DISTINCT FROM p_payload THEN
        PERFORM artifactstore.refuse('bad-payload', jsonb_build_object(
            'event_type', p_event_type, 'problem', 'a field has another CBOR type than the catalogue says'));
    END IF;
    RETURN v_payload;
EXCEPTION WHEN SQLSTATE 'ST001' OR SQLSTATE 'ST002' THEN
    GET STACKED DIAGNOSTICS v_detail = PG_EXCEPTION_DETAIL;
    PERFORM artifactstore.refuse(v_detail::jsonb ->> 'code', p_where || v_detail::jsonb);
END
$$;

COMMENT ON FUNCTION artifactstore.decode_payload(text, bytea, jsonb) IS
'Payload decoded and checked against the catalogue; a refusal carries p_where (position or sequence) in DETAIL';
