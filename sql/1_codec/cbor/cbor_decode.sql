-- purpose: AS-CBOR/1 payload to jsonb, strictly: any bytes but the canonical ones are refused
-- called by: decode_any_payload, append_initialized, append_json, describe_payload, people in psql,
--     event_package, payload_or_null
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_decode(p_payload bytea)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
-- One loop without calls for the usual items: a call for each would double the time.
DECLARE
    v_size CONSTANT int := octet_length(p_payload);
    -- Out of TOAST once; zeros, so that a head or key may run over the end before that is checked.
    v_data CONSTANT pg_catalog.bytea := p_payload || decode(repeat('00', 300), 'hex');
    v_at int := 0;
    v_byte int;
    v_n bigint;
    v_problem pg_catalog.text;
    -- JSON with ¶ for quotes: encode(…, 'escape') never gives one, so no text needs a look.
    v_json pg_catalog.text := '';
    v_lead pg_catalog.text := '';
    v_done pg_catalog.text := '';
    v_limit int := least(v_size, 4096);
    -- The container being filled: items that it lacks and its last key; those around it by depth.
    v_depth int := 0;
    v_in_map boolean := false;
    v_left int := 1;
    v_key pg_catalog.bytea;
    v_last_key pg_catalog.bytea;
    v_in_maps boolean[];
    v_lefts int[];
    v_last_keys pg_catalog.bytea[];
BEGIN
    IF v_size > 65536 OR get_byte(v_data, 0) >> 5 <> 5 THEN
        v_problem := 'a payload is a map of at most 65536 bytes';
    END IF;
    <<items>>
    WHILE v_problem IS NULL LOOP
        IF v_in_map THEN
            v_byte := get_byte(v_data, v_at);
            v_key := CASE WHEN v_byte >= 96 AND v_byte < 120 THEN substr(v_data, v_at + 1, v_byte - 95)
                ELSE artifactstore.cbor_long_key(v_data, v_at) END;
            IF v_key <= v_last_key OR v_key IS NULL THEN
                v_problem := 'keys are text, ascending by their encoded bytes, none twice'; EXIT;
            END IF;
            v_lead := v_lead || '¶' || encode(substr(v_key, greatest(2, v_byte - 117)), 'escape') || '¶:';
            v_last_key := v_key;
            v_at := v_at + octet_length(v_key);
        END IF;
        v_byte := get_byte(v_data, v_at);
        v_n := v_byte::bigint & 31;
        v_at := v_at + 1;
        IF v_n > 23 THEN
            IF v_n = 24 THEN
                v_n := nullif(greatest(get_byte(v_data, v_at), 23), 23)::bigint;
                v_at := v_at + 1;
            ELSIF v_n < 28 THEN
                v_at := v_at + (1 << v_n::int - 24);
                v_n := artifactstore.cbor_argument(v_data, v_byte, v_at);
            ELSE
                v_problem := 'indefinite lengths are not allowed'; EXIT;
            END IF;
            IF v_n IS NULL THEN
                v_problem := 'out of range or not in its shortest form'; EXIT;
            END IF;
        END IF;
        IF v_byte >= 96 AND v_byte < 128 THEN
            v_json := v_json || v_lead
                || '¶' || encode(substr(v_data, v_at + 1, v_n::int), 'escape') || '¶';
            v_at := v_at + v_n::int;
        ELSIF v_byte < 32 THEN
            v_json := v_json || v_lead || v_n;
        ELSIF v_byte < 64 THEN
            v_json := v_json || v_lead || -1 - v_n;
        ELSIF v_byte < 96 THEN
            v_json := v_json || v_lead
                || '¶' || encode(substr(v_data, v_at + 1, v_n::int), 'hex') || '¶';
            v_at := v_at + v_n::int;
        ELSIF v_byte < 192 THEN
            IF v_depth = 16 OR v_n > v_size - v_at THEN
                v_problem := 'nested deeper than 16 levels, or more items than bytes'; EXIT;
            ELSIF v_depth > 0 THEN
                v_in_maps[v_depth] := v_in_map;
                v_lefts[v_depth] := v_left;
                v_last_keys[v_depth] := v_last_key;
            END IF;
            v_json := v_json || v_lead || CASE WHEN v_byte >= 160 THEN '{' ELSE '[' END;
            v_lead := '';
            v_depth := v_depth + 1;
            v_in_map := v_byte >= 160;
            v_last_key := '';
            v_left := v_n::int;
            CONTINUE WHEN v_n > 0;
            v_left := 1;
        ELSIF v_byte BETWEEN 244 AND 246 THEN
            v_json := v_json || v_lead
                || CASE v_byte WHEN 244 THEN 'false' WHEN 245 THEN 'true' ELSE 'null' END;
        ELSE
            v_problem := 'floats, tags and other simple values are not allowed'; EXIT;
        END IF;
        IF v_at > v_limit THEN
            EXIT WHEN v_at > v_size;
            -- In portions, so that the time stays linear.
            v_done := v_done || v_json;
            v_json := '';
            v_limit := least(v_size, v_at + 4096);
        END IF;
        v_left := v_left - 1;
        v_lead := ',';
        WHILE v_left = 0 LOOP
            v_json := v_json || CASE WHEN v_in_map THEN '}' ELSE ']' END;
            v_depth := v_depth - 1;
            EXIT items WHEN v_depth = 0;
            v_in_map := v_in_maps[v_depth];
            v_left := v_lefts[v_depth] - 1;
            v_last_key := v_last_keys[v_depth];
        END LOOP;
    END LOOP;
    IF v_problem IS NULL AND v_at <> v_size THEN
        v_problem := CASE WHEN v_at > v_size THEN 'ends too early' ELSE 'bytes after the end' END;
    ELSIF v_problem IS NULL THEN
        v_json := v_done || v_json;
        v_json := CASE
            WHEN v_json COLLATE "C" ~ '[\\"\x01-\x1f]' THEN artifactstore.cbor_texts(v_json)
            ELSE replace(v_json, '¶', '"') END;
        v_problem := CASE WHEN v_json IS NULL THEN 'text is UTF-8 without U+0000' END;
    END IF;
    IF v_problem IS NOT NULL THEN
        PERFORM artifactstore.refuse('bad-payload',
            jsonb_build_object('problem', v_problem, 'offset', least(v_at, v_size)));
    END IF;
    RETURN v_json::jsonb;
END
$$;

COMMENT ON FUNCTION artifactstore.cbor_decode(bytea) IS
'Payload (AS-CBOR/1) as jsonb, byte strings as lower-case hex; refuses any bytes that are not canonical';
