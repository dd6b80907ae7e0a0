-- purpose: any payload to jsonb, step by step
-- called by: decode_payload
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.decode_any_payload(
    p_event_type text, p_payload bytea, p_where jsonb
)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $$
DECLARE
    v_payload jsonb;
    v_detail jsonb;
    v_text text;
BEGIN
    v_payload := artifactstore.cbor_decode(p_payload);
    -- encode(decode(p)) = p holds for a payload that fits its type, and for no other:
    -- an id sent as text decodes alike.
    IF artifactstore.cbor_encode(p_event_type, v_payload::json) <> p_payload THEN
        PERFORM artifactstore.refuse('bad-payload',
            '{"problem": "a field has another CBOR type than the catalogue says"}');
    END IF;
    RETURN v_payload;
EXCEPTION WHEN SQLSTATE 'ST001' OR SQLSTATE 'ST002' THEN
    GET STACKED DIAGNOSTICS v_text = PG_EXCEPTION_DETAIL;
    v_detail := v_text;
    PERFORM artifactstore.refuse(v_detail ->> 'code',
        jsonb_build_object('event_type', p_event_type) || p_where || v_detail);
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.decode_any_payload(text, bytea, jsonb) IS
'As decode_payload, without its short cuts for the most common types';
