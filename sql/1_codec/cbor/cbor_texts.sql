-- purpose: JSON from the draft of cbor_decode when some text is not plain ASCII
-- called by: cbor_decode
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_texts(p_draft text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_part pg_catalog.text;
    v_bytes pg_catalog.bytea;
    v_in_text boolean := true;
    v_parts pg_catalog.text[] := '{}';
BEGIN
    FOREACH v_part IN ARRAY string_to_array(p_draft, '¶') LOOP
        v_in_text := NOT v_in_text;
        IF v_in_text THEN
            v_bytes := decode(v_part, 'escape');
            IF NOT artifactstore.is_text(v_bytes) THEN
                RETURN NULL;
            END IF;
            v_part := to_json(convert_from(v_bytes, 'UTF8'))::text;
        END IF;
        v_parts := v_parts || v_part;
    END LOOP;
    RETURN array_to_string(v_parts, '');
END
$$;

COMMENT ON FUNCTION artifactstore.cbor_texts(text) IS
'JSON of a draft that has ¶ for quotes and texts as encode(…, ''escape'') gives them; null if a text '
'is not UTF-8 or has U+0000';
