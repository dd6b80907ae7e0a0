-- purpose: a JSON object with known fields as a canonical CBOR map
-- called by: cbor_encode, cbor_encode_value
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_encode_object(
    p_event_type text, p_path text, p_fields jsonb, p_object json
)
RETURNS bytea
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    v_name pg_catalog.text;
    v_value pg_catalog.json;
    v_spec pg_catalog.jsonb;
    v_names pg_catalog.text[] := '{}';
    v_pairs pg_catalog.bytea[] := '{}';
    v_absent pg_catalog.jsonb;
BEGIN
    FOR v_name, v_value IN
        SELECT e.key, e.value FROM json_each(p_object) e
    LOOP
        v_spec := p_fields -> v_name;
        IF v_spec IS NULL THEN
            PERFORM artifactstore.refuse_field(
                p_event_type, p_path || v_name, 'is not a field of it');
        ELSIF v_name = ANY (v_names) THEN
            PERFORM artifactstore.refuse_field(p_event_type, p_path || v_name, 'is given twice');
        END IF;
        v_names := v_names || v_name;
        v_pairs := v_pairs || (artifactstore.cbor_text(v_name)
            || artifactstore.cbor_encode_value(p_event_type, p_path || v_name, v_spec, v_value));
    END LOOP;
    v_absent := p_fields - v_names;
    IF jsonb_path_exists(v_absent, '$.*.required ? (@ == true)') THEN
        SELECT min(f.key) INTO v_name
        FROM jsonb_each(v_absent) f
        WHERE f.value -> 'required' = 'true';
        PERFORM artifactstore.refuse_field(p_event_type, p_path || v_name, 'is missing');
    END IF;
    RETURN artifactstore.cbor_map(v_pairs);
END
$$;

COMMENT ON FUNCTION artifactstore.cbor_encode_object(text, text, jsonb, json) IS
'CBOR map of a JSON object whose fields p_fields describes (as event_types.fields); p_path is empty '
'or ends in a dot';
