-- purpose: a JSON value that is no container as CBOR, as its entry in the catalogue says
-- called by: cbor_encode_value
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_encode_scalar(p_path text, p_spec jsonb, p_value json)
RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    v_type CONSTANT pg_catalog.text := p_spec ->> 'type';
    v_json_type CONSTANT pg_catalog.text := json_typeof(p_value);
    v_text pg_catalog.text := p_value #>> '{}';
    v_integer bigint;
BEGIN
    -- Short regular expressions: one with {64} takes longer than all the rest here.
    IF v_type IN ('int', 'time') THEN
        v_integer := CASE
            -- The literal counts: 1.0, 1e2, -0 and "1" are no integers.
            WHEN v_json_type = 'number' AND octet_length(v_text) <= 17
                AND v_text COLLATE "C" ~ '^(?:0|-?[1-9][0-9]*)$' THEN v_text::bigint
            WHEN v_json_type = 'string' AND v_type = 'time' THEN artifactstore.parse_time(v_text)
        END;
        RETURN CASE
            WHEN v_integer > coalesce((p_spec -> 'max')::bigint, 9007199254740991) THEN NULL
            WHEN v_integer < coalesce((p_spec -> 'min')::bigint,
                CASE v_type WHEN 'int' THEN 0 ELSE -9007199254740991 END) THEN NULL
            WHEN v_integer < 0 THEN artifactstore.cbor_head(1, -1 - v_integer)
            ELSE artifactstore.cbor_head(0, v_integer) END;
    ELSIF v_type = 'bool' THEN
        RETURN CASE WHEN v_json_type = 'boolean' AND v_text = coalesce(p_spec ->> 'const', v_text)
            THEN CASE v_text WHEN 'true' THEN '\xf5'::bytea ELSE '\xf4'::bytea END END;
    ELSIF v_json_type <> 'string' THEN
        RETURN NULL;
    ELSIF v_type = 'text' THEN
        RETURN CASE
            WHEN coalesce(p_spec -> 'enum' ? v_text,
                octet_length(v_text) BETWEEN 1 AND (p_spec -> 'max')::int)
            THEN artifactstore.cbor_text(v_text) END;
    ELSIF v_type = 'id' THEN
        IF octet_length(v_text) = 36
            AND v_text COLLATE "C" ~ '^[^-]{8}-[^-]{4}-[^-]{4}-[^-]{4}-[^-]*$'
        THEN
            v_text := replace(v_text, '-', '');
        END IF;
        RETURN CASE WHEN octet_length(v_text) = 32 AND v_text COLLATE "C" ~ '^[0-9a-fA-F]*$'
            THEN '\x50'::bytea || decode(v_text, 'hex') END;
    ELSIF v_type = 'hash' THEN
        IF octet_length(v_text) = 71
            AND starts_with(v_text, (CASE WHEN p_path ~ 'sha256$' THEN 'sha256:' ELSE 'blake3:' END))
        THEN
            v_text := substr(v_text, 8);
        END IF;
        RETURN CASE WHEN octet_length(v_text) = 64 AND v_text COLLATE "C" ~ '^[0-9a-fA-F]*$'
            THEN '\x5820'::bytea || decode(v_text, 'hex') END;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION artifactstore.cbor_encode_scalar(text, jsonb, json) IS
'CBOR of a JSON value that p_spec describes (as event_types.fields); null if it does not fit';
