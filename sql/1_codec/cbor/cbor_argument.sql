-- purpose: argument of a CBOR head that carries it in 2, 4 or 8 bytes
-- called by: cbor_decode, cbor_long_key
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_argument(p_data bytea, p_head int, p_end int)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_width CONSTANT int := 1 << (p_head & 31) - 24;
    v_hex CONSTANT pg_catalog.text := encode(substr(p_data, p_end - v_width + 1, v_width), 'hex');
    -- From 2^63 on it comes out negative, and is refused like all that is too small.
    v_argument CONSTANT bigint := ('x' || lpad(v_hex, 16, '0'))::bit(64)::bigint;
BEGIN
    RETURN CASE
        WHEN v_argument < 1::bigint << v_width * 4 THEN NULL -- half of the bytes would do
        WHEN p_head < 64 AND v_argument <= 9007199254740991 - (p_head >> 5) THEN v_argument
        WHEN p_head BETWEEN 64 AND 191 AND v_argument <= 65536 THEN v_argument
    END;
END
$$;

COMMENT ON FUNCTION artifactstore.cbor_argument(bytea, int, int) IS
'Argument of the CBOR head p_head that ends before offset p_end; null if the profile refuses it';
