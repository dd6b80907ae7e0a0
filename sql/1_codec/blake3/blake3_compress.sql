-- purpose: compression function of BLAKE3, on words of 32 bits held in bigint
-- called by: blake3
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.blake3_compress(
    p_chain bigint[], p_words bigint[], p_counter bigint, p_length int, p_flags int
)
RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_words bigint[] := p_words;
    v_0 bigint := p_chain[1];
    v_1 bigint := p_chain[2];
    v_2 bigint := p_chain[3];
    v_3 bigint := p_chain[4];
    v_4 bigint := p_chain[5];
    v_5 bigint := p_chain[6];
    v_6 bigint := p_chain[7];
    v_7 bigint := p_chain[8];
    v_8 bigint := 1779033703;
    v_9 bigint := 3144134277;
    v_10 bigint := 1013904242;
    v_11 bigint := 2773480762;
    v_12 bigint := p_counter & 4294967295;
    v_13 bigint := p_counter >> 32;
    v_14 bigint := p_length;
    v_15 bigint := p_flags;
BEGIN
    -- # >> | & have one precedence, from left to right: x >> n | (x << m) & f is ((x >> n) | (x << m)) & f.
    FOR v_round IN 1..7 LOOP
        v_0 := (v_0 + v_4 + v_words[1]) & 4294967295;
        v_12 := (v_12 # v_0) >> 16 | ((v_12 # v_0) << 16) & 4294967295;
        v_8 := (v_8 + v_12) & 4294967295;
        v_4 := (v_4 # v_8) >> 12 | ((v_4 # v_8) << 20) & 4294967295;
        v_0 := (v_0 + v_4 + v_words[2]) & 4294967295;
        v_12 := (v_12 # v_0) >> 8 | ((v_12 # v_0) << 24) & 4294967295;
        v_8 := (v_8 + v_12) & 4294967295;
        v_4 := (v_4 # v_8) >> 7 | ((v_4 # v_8) << 25) & 4294967295;
        v_1 := (v_1 + v_5 + v_words[3]) & 4294967295;
        v_13 := (v_13 # v_1) >> 16 | ((v_13 # v_1) << 16) & 4294967295;
        v_9 := (v_9 + v_13) & 4294967295;
        v_5 := (v_5 # v_9) >> 12 | ((v_5 # v_9) << 20) & 4294967295;
        v_1 := (v_1 + v_5 + v_words[4]) & 4294967295;
        v_13 := (v_13 # v_1) >> 8 | ((v_13 # v_1) << 24) & 4294967295;
        v_9 := (v_9 + v_13) & 4294967295;
        v_5 := (v_5 # v_9) >> 7 | ((v_5 # v_9) << 25) & 4294967295;
        v_2 := (v_2 + v_6 + v_words[5]) & 4294967295;
        v_14 := (v_14 # v_2) >> 16 | ((v_14 # v_2) << 16) & 4294967295;
        v_10 := (v_10 + v_14) & 4294967295;
        v_6 := (v_6 # v_10) >> 12 | ((v_6 # v_10) << 20) & 4294967295;
        v_2 := (v_2 + v_6 + v_words[6]) & 4294967295;
        v_14 := (v_14 # v_2) >> 8 | ((v_14 # v_2) << 24) & 4294967295;
        v_10 := (v_10 + v_14) & 4294967295;
        v_6 := (v_6 # v_10) >> 7 | ((v_6 # v_10) << 25) & 4294967295;
        v_3 := (v_3 + v_7 + v_words[7]) & 4294967295;
        v_15 := (v_15 # v_3) >> 16 | ((v_15 # v_3) << 16) & 4294967295;
        v_11 := (v_11 + v_15) & 4294967295;
        v_7 := (v_7 # v_11) >> 12 | ((v_7 # v_11) << 20) & 4294967295;
        v_3 := (v_3 + v_7 + v_words[8]) & 4294967295;
        v_15 := (v_15 # v_3) >> 8 | ((v_15 # v_3) << 24) & 4294967295;
        v_11 := (v_11 + v_15) & 4294967295;
        v_7 := (v_7 # v_11) >> 7 | ((v_7 # v_11) << 25) & 4294967295;
        v_0 := (v_0 + v_5 + v_words[9]) & 4294967295;
        v_15 := (v_15 # v_0) >> 16 | ((v_15 # v_0) << 16) & 4294967295;
        v_10 := (v_10 + v_15) & 4294967295;
        v_5 := (v_5 # v_10) >> 12 | ((v_5 # v_10) << 20) & 4294967295;
        v_0 := (v_0 + v_5 + v_words[10]) & 4294967295;
        v_15 := (v_15 # v_0) >> 8 | ((v_15 # v_0) << 24) & 4294967295;
        v_10 := (v_10 + v_15) & 4294967295;
        v_5 := (v_5 # v_10) >> 7 | ((v_5 # v_10) << 25) & 4294967295;
        v_1 := (v_1 + v_6 + v_words[11]) & 4294967295;
        v_12 := (v_12 # v_1) >> 16 | ((v_12 # v_1) << 16) & 4294967295;
        v_11 := (v_11 + v_12) & 4294967295;
        v_6 := (v_6 # v_11) >> 12 | ((v_6 # v_11) << 20) & 4294967295;
        v_1 := (v_1 + v_6 + v_words[12]) & 4294967295;
        v_12 := (v_12 # v_1) >> 8 | ((v_12 # v_1) << 24) & 4294967295;
        v_11 := (v_11 + v_12) & 4294967295;
        v_6 := (v_6 # v_11) >> 7 | ((v_6 # v_11) << 25) & 4294967295;
        v_2 := (v_2 + v_7 + v_words[13]) & 4294967295;
        v_13 := (v_13 # v_2) >> 16 | ((v_13 # v_2) << 16) & 4294967295;
        v_8 := (v_8 + v_13) & 4294967295;
        v_7 := (v_7 # v_8) >> 12 | ((v_7 # v_8) << 20) & 4294967295;
        v_2 := (v_2 + v_7 + v_words[14]) & 4294967295;
        v_13 := (v_13 # v_2) >> 8 | ((v_13 # v_2) << 24) & 4294967295;
        v_8 := (v_8 + v_13) & 4294967295;
        v_7 := (v_7 # v_8) >> 7 | ((v_7 # v_8) << 25) & 4294967295;
        v_3 := (v_3 + v_4 + v_words[15]) & 4294967295;
        v_14 := (v_14 # v_3) >> 16 | ((v_14 # v_3) << 16) & 4294967295;
        v_9 := (v_9 + v_14) & 4294967295;
        v_4 := (v_4 # v_9) >> 12 | ((v_4 # v_9) << 20) & 4294967295;
        v_3 := (v_3 + v_4 + v_words[16]) & 4294967295;
        v_14 := (v_14 # v_3) >> 8 | ((v_14 # v_3) << 24) & 4294967295;
        v_9 := (v_9 + v_14) & 4294967295;
        v_4 := (v_4 # v_9) >> 7 | ((v_4 # v_9) << 25) & 4294967295;
        v_words := ARRAY[
            v_words[3], v_words[7], v_words[4], v_words[11],
            v_words[8], v_words[1], v_words[5], v_words[14],
            v_words[2], v_words[12], v_words[13], v_words[6],
            v_words[10], v_words[15], v_words[16], v_words[9]];
    END LOOP;
    RETURN ARRAY[
        v_0 # v_8, v_1 # v_9, v_2 # v_10, v_3 # v_11,
        v_4 # v_12, v_5 # v_13, v_6 # v_14, v_7 # v_15];
END
$$;

COMMENT ON FUNCTION artifactstore.blake3_compress(bigint[], bigint[], bigint, int, int) IS
'Next chaining value (8 words) of BLAKE3 from one of 8 words and a block of 16';
