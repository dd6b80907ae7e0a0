-- purpose: BLAKE3 of bytes (specification: github.com/BLAKE3-team/BLAKE3-specs), without an extension
-- called by: append_json, append_initialized, verify, people in psql, restored
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.blake3(p_data bytea)
RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    c_start CONSTANT bigint[] := '{1779033703, 3144134277, 1013904242, 2773480762,
        1359893119, 2600822924, 528734635, 1541459225}';
    v_size CONSTANT int := octet_length(p_data);
    v_data CONSTANT pg_catalog.bytea := p_data || decode(repeat('00', 64), 'hex');
    v_last CONSTANT int := greatest(v_size - 1, 0) / 1024;
    v_chain bigint[];
    -- Chaining values of the left subtrees that wait for their right ones.
    v_stack bigint[] := '{}';
    v_at int := 0;
    v_end int;
    -- 1 first block of a chunk, 2 last block of a chunk, 4 parent, 8 root
    v_flags int;
    v_merges int;
    v_hex pg_catalog.text := '';
BEGIN
    FOR v_chunk IN 0..v_last LOOP
        v_chain := c_start;
        v_end := least(v_size, v_at + 1024);
        v_flags := 1;
        LOOP
            IF v_end - v_at <= 64 THEN
                v_flags := v_flags | 2 | CASE WHEN v_last = 0 THEN 8 ELSE 0 END;
            END IF;
            v_chain := artifactstore.blake3_compress(v_chain,
                artifactstore.blake3_words(v_data, v_at), v_chunk, least(v_end - v_at, 64), v_flags);
            v_at := v_at + 64;
            v_flags := 0;
            EXIT WHEN v_at >= v_end;
        END LOOP;
        -- A subtree is whole at a power of two of chunks; the last chunk closes all of them.
        v_merges := v_chunk + 1;
        WHILE cardinality(v_stack) > 0 AND (v_merges & 1 = 0 OR v_chunk = v_last) LOOP
            v_flags := CASE WHEN v_chunk = v_last AND cardinality(v_stack) = 8 THEN 12 ELSE 4 END;
            v_chain := artifactstore.blake3_compress(
                c_start, v_stack[cardinality(v_stack) - 7:] || v_chain, 0, 64, v_flags);
            v_stack := trim_array(v_stack, 8);
            v_merges := v_merges >> 1;
        END LOOP;
        v_stack := v_stack || v_chain;
    END LOOP;
    FOR i IN 1..8 LOOP
        v_hex := v_hex || lpad(to_hex((v_chain[i] >> 24) | (v_chain[i] >> 8 & 65280)
            | ((v_chain[i] & 65280) << 8) | ((v_chain[i] & 255) << 24)), 8, '0');
    END LOOP;
    RETURN decode(v_hex, 'hex');
END
$$;

COMMENT ON FUNCTION artifactstore.blake3(bytea) IS
'BLAKE3 digest, 32 bytes; takes some 100 µs per 64 bytes';
