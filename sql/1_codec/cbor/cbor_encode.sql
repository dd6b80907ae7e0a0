-- purpose: JSON to the canonical payload of an event type, typed and bounded by the catalogue
-- called by: append_json, append_initialized, decode_any_payload, restored
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_encode(p_event_type text, p_payload json)
RETURNS bytea
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_fields pg_catalog.jsonb;
    v_payload pg_catalog.bytea;
    v_problem pg_catalog.text;
BEGIN
    SELECT t.fields INTO v_fields
    FROM artifactstore.event_types t
    WHERE t.event_type = p_event_type;
    IF NOT FOUND THEN
        PERFORM artifactstore.refuse('unknown-event-type',
            jsonb_build_object('event_type', p_event_type));
    END IF;
    IF artifactstore.has_bad_escape(p_payload::text) THEN
        v_problem := 'text cannot hold U+0000 or a lone surrogate';
    ELSIF json_typeof(p_payload) <> 'object' THEN
        v_problem := 'a payload is an object';
    ELSE
        v_payload := artifactstore.cbor_encode_object(p_event_type, '', v_fields, p_payload);
        IF octet_length(v_payload) > 65536 THEN
            v_problem := octet_length(v_payload) || ' bytes, of which 65536 are allowed';
        END IF;
    END IF;
    IF v_problem IS NOT NULL THEN
        PERFORM artifactstore.refuse('bad-payload',
            jsonb_build_object('event_type', p_event_type, 'problem', v_problem));
    END IF;
    RETURN v_payload;
END
$$;

COMMENT ON FUNCTION artifactstore.cbor_encode(text, json) IS
'Payload (canonical CBOR) of an event type from JSON: ids as uuid, digests as hex, times as RFC 3339 '
'or µs; see event_types.fields';
