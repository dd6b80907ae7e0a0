-- purpose: a CBOR map as JSON in one pass, by its entry in the catalogue
-- called by: decode_usual_payload, itself
-- writes: nothing
--
-- Null unless it is the usual kind: canonical, every field as the catalogue says, texts of plain ASCII. Null
-- is no verdict: decode_any_payload then judges it.
CREATE OR REPLACE FUNCTION artifactstore.decode_fields(
    p_data bytea, p_at integer, p_shape jsonb, OUT draft text, OUT draft_end integer
)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_fields CONSTANT pg_catalog.jsonb := p_shape -> 'fields';
    v_missing integer := (p_shape -> 'required')::integer;
    v_out pg_catalog.text := '{';
    v_at integer := p_at + 1;
    v_pairs integer := get_byte(p_data, p_at) - 160;
    v_start integer;
    v_n bigint;
    v_head integer;
    v_key pg_catalog.bytea;
    v_last_key pg_catalog.bytea := '';
    v_spec pg_catalog.jsonb;
    v_text pg_catalog.text;
    v_inner pg_catalog.record;
BEGIN
    IF v_pairs NOT BETWEEN 0 AND 23 THEN
        RETURN;
    END IF;
    FOR v_pair IN 1 .. v_pairs LOOP
        v_n := get_byte(p_data, v_at) - 95;
        v_key := substr(p_data, v_at + 1, greatest(v_n, 0)::integer);
        IF v_n NOT BETWEEN 2 AND 24 OR v_key <= v_last_key THEN
            RETURN;
        END IF;
        v_last_key := v_key;
        v_text := encode(substr(v_key, 2), 'escape');
        v_spec := v_fields -> v_text;
        v_out := v_out || '¶' || v_text || '¶:';
        v_at := v_at + v_n::integer;
        v_head := get_byte(p_data, v_at);
        IF v_spec -> 'needed' = 'true' THEN
            v_missing := v_missing - 1;
        END IF;
        CASE v_spec ->> 'type'
            WHEN 'id' THEN
                IF v_head <> 80 THEN RETURN; END IF; -- 16 bytes
                v_out := v_out || '¶' || encode(substr(p_data, v_at + 2, 16), 'hex') || '¶,';
                v_at := v_at + 17;
            WHEN 'hash' THEN
                IF v_head <> 88 OR get_byte(p_data, v_at + 1) <> 32 THEN RETURN; END IF; -- 32 bytes
                v_out := v_out || '¶' || encode(substr(p_data, v_at + 3, 32), 'hex') || '¶,';
                v_at := v_at + 34;
            WHEN 'text' THEN
                IF v_head BETWEEN 97 AND 119 THEN
                    v_n := v_head - 96;
                    v_start := v_at + 1;
                ELSIF v_head = 120 AND get_byte(p_data, v_at + 1) > 23 THEN
                    v_n := get_byte(p_data, v_at + 1);
                    v_start := v_at + 2;
                ELSE
                    RETURN;
                END IF;
                v_text := encode(substr(p_data, v_start + 1, v_n::integer), 'escape');
                IF v_n > (v_spec -> 'max')::integer OR (v_spec -> 'enum' ? v_text) IS FALSE THEN
                    RETURN;
                END IF;
                v_out := v_out || '¶' || v_text || '¶,';
                v_at := v_start + v_n::integer;
            WHEN 'int', 'time' THEN
                IF v_head < 24 THEN
                    v_n := v_head;
                    v_at := v_at + 1;
                ELSIF v_head < 28 THEN
                    v_start := v_at + 1;
                    v_at := v_start + (1 << v_head - 24);
                    v_n := ('x' || lpad(encode(substr(p_data, v_start + 1, v_at - v_start), 'hex'), 16, '0')
                        )::bit(64)::bigint;
                    IF v_n < (
                        CASE v_head WHEN 24 THEN 24 WHEN 25 THEN 256 WHEN 26 THEN 65536 ELSE 4294967296 END)
                    THEN
                        RETURN; -- not in its shortest form, or from 2^63 on
                    END IF;
                ELSE
                    RETURN;
                END IF;
                IF v_n < (v_spec -> 'min')::bigint
                    OR v_n > coalesce((v_spec -> 'max')::bigint, 9007199254740991)
                THEN
                    RETURN;
                END IF;
                v_out := v_out || v_n || ',';
            WHEN 'bool' THEN
                IF v_head = 245 THEN
                    v_out := v_out || 'true,';
                ELSIF v_head = 244 AND NOT v_spec ? 'const' THEN
                    v_out := v_out || 'false,';
                ELSE
                    RETURN;
                END IF;
                v_at := v_at + 1;
            WHEN 'object' THEN
                v_inner := artifactstore.decode_fields(p_data, v_at, v_spec);
                v_out := v_out || v_inner.draft || ',';
                v_at := v_inner.draft_end;
            WHEN 'map' THEN
                v_inner := artifactstore.decode_labels(p_data, v_at);
                v_out := v_out || v_inner.draft || ',';
                v_at := v_inner.draft_end;
            ELSE
                RETURN; -- an unknown field, or a list
        END CASE;
        IF v_at IS NULL OR v_at > octet_length(p_data) - 300 THEN
            RETURN;
        END IF;
    END LOOP;
    IF v_missing > 0 THEN
        RETURN;
    END IF;
    draft := rtrim(v_out, ',') || '}';
    draft_end := v_at;
END
$$;

COMMENT ON FUNCTION artifactstore.decode_fields(bytea, integer, jsonb) IS
'JSON (with ¶ for quotes) of the map at offset p_at that p_shape (event_types.shape) describes, '
'and the offset after it; p_data ends in 300 zeros. Null if it is not of the usual kind';
