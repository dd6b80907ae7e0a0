-- purpose: AS-CBOR/1 payload to jsonb, strictly: any bytes but the canonical ones are refused
-- called by: decode_payload, event_log, people in psql
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_decode(p_payload bytea)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_size CONSTANT int := octet_length(p_payload);
    -- Out of TOAST once; the zeros let a head be read before it is known to be whole.
    v_data CONSTANT bytea := p_payload || '\x000000000000000000'::bytea;
    v_at int := 0;
    v_byte int;
    v_n int;
    v_wide bigint;
    v_problem text;
    -- JSON so far, with ¶ for quotes: encode(…, 'escape') never gives one, so texts need no look each.
    v_json text := '';
    v_lead text := '';
    -- The container being filled: items that it lacks, its last key; those around it by depth.
    v_depth int := 0;
    v_in_map boolean := false;
    v_left int := 1;
    v_key bytea;
    v_last_key bytea;
    v_in_maps boolean[];
    v_lefts int[];
    v_last_keys bytea[];
BEGIN
    IF v_size > 65536 THEN
        v_problem := v_size || ' bytes, of which 65536 are allowed';
    ELSIF get_byte(v_data, 0) >> 5 <> 5 THEN
        v_problem := 'a payload is a map';
    END IF;
    <<items>>
    WHILE v_problem IS NULL LOOP
        IF v_in_map THEN
            v_n := get_byte(v_data, v_at) - 96;
            IF v_n BETWEEN 0 AND 23 THEN
                v_key := substr(v_data, v_at + 1, v_n + 1);
                v_lead := v_lead || '¶' || encode(substr(v_key, 2), 'escape') || '¶:';
                v_at := v_at + v_n + 1;
            ELSIF v_n = 24 AND get_byte(v_data, v_at + 1) > 23 THEN
                v_n := get_byte(v_data, v_at + 1);
                v_key := substr(v_data, v_at + 1, v_n + 2);
                v_lead := v_lead || '¶' || encode(substr(v_key, 3), 'escape') || '¶:';
                v_at := v_at + v_n + 2;
            ELSE
                v_problem := 'a key is text of at most 255 bytes'; EXIT;
            END IF;
            IF v_key <= v_last_key THEN
                v_problem := 'keys ascend by their encoded bytes, none twice'; EXIT;
            END IF;
            v_last_key := v_key;
            EXIT WHEN v_at >= v_size;
        END IF;
        v_byte := get_byte(v_data, v_at);
        v_n := v_byte & 31;
        v_at := v_at + 1;
        IF v_n > 23 THEN
            IF v_n = 24 THEN
                v_n := get_byte(v_data, v_at);
                v_at := v_at + 1;
                IF v_n < 24 THEN
                    v_problem := 'not in its shortest form'; EXIT;
                END IF;
            ELSIF v_n = 25 THEN
                v_n := get_byte(v_data, v_at) << 8 | get_byte(v_data, v_at + 1);
                v_at := v_at + 2;
                IF v_n < 256 THEN
                    v_problem := 'not in its shortest form'; EXIT;
                END IF;
            END IF;
        END IF;
        IF v_byte >= 96 AND v_byte < 128 THEN
            v_at := v_at + v_n;
            v_json := v_json || v_lead || '¶' || encode(substr(v_data, v_at - v_n + 1, v_n), 'escape') || '¶';
        ELSIF v_byte < 32 THEN
            v_json := v_json || v_lead || v_n;
        ELSIF v_byte < 64 THEN
            v_json := v_json || v_lead || -1 - v_n;
        ELSIF v_byte < 96 THEN
            v_at := v_at + v_n;
            v_json := v_json || v_lead || '¶' || encode(substr(v_data, v_at - v_n + 1, v_n), 'hex') || '¶';
        ELSIF v_byte < 192 THEN
            v_in_maps[v_depth] := v_in_map;
            v_lefts[v_depth] := v_left;
            v_last_keys[v_depth] := v_key;
            v_depth := v_depth + 1;
            v_in_map := v_byte >= 160;
            v_left := v_n + 1;
            v_last_key := '';
            v_json := v_json || v_lead || CASE WHEN v_in_map THEN '{' ELSE '[' END;
        END IF;
        EXIT WHEN v_at > v_size;
        v_lead := CASE WHEN v_byte BETWEEN 128 AND 191 THEN '' ELSE ',' END;
        v_left := v_left - 1;
        WHILE v_left = 0 LOOP
            v_json := v_json || CASE WHEN v_in_map THEN '}' ELSE ']' END;
            v_depth := v_depth - 1;
            EXIT items WHEN v_depth = 0;
            v_in_map := v_in_maps[v_depth];
            v_left := v_lefts[v_depth] - 1;
            v_last_key := v_last_keys[v_depth];
        END LOOP;
    END LOOP;
    IF v_json ~ '[\\"\x01-\x1f]' THEN RAISE 'no'; END IF;
    RETURN replace(v_json, '¶', '"')::jsonb;
END
$$;
