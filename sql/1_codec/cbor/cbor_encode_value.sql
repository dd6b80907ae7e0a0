-- purpose: a JSON value as CBOR, as its entry in the catalogue says
-- called by: cbor_encode_object, cbor_encode_list
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_encode_value(
    p_event_type text, p_path text, p_spec jsonb, p_value json
)
RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    v_item CONSTANT pg_catalog.bytea := CASE concat_ws(' ', p_spec ->> 'type', json_typeof(p_value))
        WHEN 'object object' THEN artifactstore.cbor_encode_object(
            p_event_type, p_path || '.', p_spec -> 'fields', p_value)
        WHEN 'list array' THEN artifactstore.cbor_encode_list(p_event_type, p_path, p_spec, p_value)
        WHEN 'map object' THEN artifactstore.cbor_encode_map(p_event_type, p_path, p_spec, p_value)
        ELSE artifactstore.cbor_encode_scalar(p_path, p_spec, p_value) END;
BEGIN
    IF v_item IS NULL THEN
        PERFORM artifactstore.refuse_field(p_event_type, p_path, artifactstore.field_rule(p_spec));
    END IF;
    RETURN v_item;
END
$$;

COMMENT ON FUNCTION artifactstore.cbor_encode_value(text, text, jsonb, json) IS
'CBOR of a JSON value that p_spec describes (as event_types.fields); refuses any other value';
