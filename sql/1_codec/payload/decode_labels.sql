-- purpose: a CBOR map of texts as JSON in one pass; null unless it is the usual kind
-- called by: decode_fields
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.decode_labels(
    p_data bytea, p_at integer, OUT draft text, OUT draft_end integer
)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_out pg_catalog.text := '{';
    v_at integer := p_at + 1;
    v_pairs integer := get_byte(p_data, p_at) - 160;
    v_key pg_catalog.bytea;
    v_last_key pg_catalog.bytea := '';
    v_n integer;
BEGIN
    -- Heads of 1 to 23 bytes: within every bound of the catalogue.
    IF v_pairs NOT BETWEEN 0 AND 23 THEN
        RETURN;
    END IF;
    FOR v_pair IN 1 .. v_pairs LOOP
        v_n := get_byte(p_data, v_at) - 95;
        v_key := substr(p_data, v_at + 1, greatest(v_n, 0));
        IF v_n NOT BETWEEN 2 AND 24 OR v_key <= v_last_key OR v_at > octet_length(p_data) - 300 THEN
            RETURN;
        END IF;
        v_last_key := v_key;
        v_at := v_at + v_n;
        v_n := get_byte(p_data, v_at) - 95;
        IF v_n NOT BETWEEN 1 AND 24 THEN
            RETURN;
        END IF;
        v_out := v_out || '¶' || encode(substr(v_key, 2), 'escape') || '¶:¶'
            || encode(substr(p_data, v_at + 2, v_n - 1), 'escape') || '¶,';
        v_at := v_at + v_n;
    END LOOP;
    draft := rtrim(v_out, ',') || '}';
    draft_end := v_at;
END
$$;

COMMENT ON FUNCTION artifactstore.decode_labels(bytea, integer) IS
'JSON (with ¶ for quotes) of the map of texts at offset p_at, and the offset after it; '
'p_data ends in 300 zeros. Null if it is not of the usual kind';
