-- purpose: a JSON object of texts (labels) as a canonical CBOR map
-- called by: cbor_encode_value
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_encode_map(
    p_event_type text, p_path text, p_spec jsonb, p_object json
)
RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    v_key pg_catalog.text;
    v_value pg_catalog.json;
    v_text pg_catalog.text;
    v_keys pg_catalog.text[] := '{}';
    v_pairs pg_catalog.bytea[] := '{}';
    v_problem pg_catalog.text;
BEGIN
    FOR v_key, v_value IN
        SELECT e.key, e.value FROM json_each(p_object) e
    LOOP
        v_text := v_value #>> '{}';
        v_problem := CASE
            WHEN v_key = ANY (v_keys) THEN 'is given twice'
            WHEN octet_length(v_key) NOT BETWEEN 1 AND (p_spec -> 'key_max')::int
                THEN 'a key must be of 1 to ' || (p_spec ->> 'key_max') || ' bytes'
            WHEN json_typeof(v_value) <> 'string'
                OR octet_length(v_text) > (p_spec -> 'value_max')::int
                THEN 'must be text of 0 to ' || (p_spec ->> 'value_max') || ' bytes'
            WHEN cardinality(v_keys) = (p_spec -> 'max_items')::int
                THEN 'is one more than the ' || (p_spec ->> 'max_items') || ' allowed' END;
        IF v_problem IS NOT NULL THEN
            PERFORM artifactstore.refuse_field(p_event_type, p_path || '.' || v_key, v_problem);
        END IF;
        v_keys := v_keys || v_key;
        v_pairs := v_pairs || (artifactstore.cbor_text(v_key) || artifactstore.cbor_text(v_text));
    END LOOP;
    RETURN artifactstore.cbor_map(v_pairs);
END
$$;

COMMENT ON FUNCTION artifactstore.cbor_encode_map(text, text, jsonb, json) IS
'CBOR map of a JSON object, text to text, within the bounds of p_spec';
