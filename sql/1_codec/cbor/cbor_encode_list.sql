-- purpose: a JSON array as CBOR
-- called by: cbor_encode_value
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_encode_list(
    p_event_type text, p_path text, p_spec jsonb, p_array json
)
RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    v_count CONSTANT int := json_array_length(p_array);
    v_item pg_catalog.json;
    v_at int := 0;
    v_items pg_catalog.bytea := '';
BEGIN
    IF v_count > (p_spec -> 'max_items')::int THEN
        PERFORM artifactstore.refuse_field(p_event_type, p_path,
            'has ' || v_count || ' items, of which ' || (p_spec ->> 'max_items') || ' are allowed');
    END IF;
    FOR v_item IN SELECT i.value FROM json_array_elements(p_array) i LOOP
        v_items := v_items || artifactstore.cbor_encode_value(
            p_event_type, p_path || '[' || v_at || ']', p_spec -> 'items', v_item);
        v_at := v_at + 1;
    END LOOP;
    RETURN artifactstore.cbor_head(4, v_count) || v_items;
END
$$;

COMMENT ON FUNCTION artifactstore.cbor_encode_list(text, text, jsonb, json) IS
'CBOR array of a JSON array whose items p_spec describes';
