-- purpose: a block of 64 bytes as 16 little-endian words of 32 bits
-- called by: blake3
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.blake3_words(p_data bytea, p_at int)
RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_words bigint[];
BEGIN
    FOR i IN 0..15 LOOP
        v_words[i + 1] := get_byte(p_data, p_at + 4 * i)::bigint
            | (get_byte(p_data, p_at + 4 * i + 1)::bigint << 8)
            | (get_byte(p_data, p_at + 4 * i + 2)::bigint << 16)
            | (get_byte(p_data, p_at + 4 * i + 3)::bigint << 24);
    END LOOP;
    RETURN v_words;
END
$$;

COMMENT ON FUNCTION artifactstore.blake3_words(bytea, int) IS
'16 words from 64 bytes at offset p_at';
