-- purpose: a map key of 24 bytes or more, with its head
-- called by: cbor_decode
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_long_key(p_data bytea, p_at int)
RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_end CONSTANT int := p_at + CASE get_byte(p_data, p_at)
        WHEN 120 THEN 2 + nullif(greatest(get_byte(p_data, p_at + 1), 23), 23)
        WHEN 121 THEN 3 + artifactstore.cbor_argument(p_data, 121, p_at + 3)::int
    END;
BEGIN
    RETURN CASE WHEN v_end < octet_length(p_data) THEN substr(p_data, p_at + 1, v_end - p_at) END;
END
$$;

COMMENT ON FUNCTION artifactstore.cbor_long_key(bytea, int) IS
'Encoded text of 24 to 65535 bytes at offset p_at; null if something else is there, or too little';
