-- purpose: head of a CBOR item: its major type and argument in the shortest form
-- called by: cbor_text, cbor_map, cbor_encode_scalar, cbor_encode_list, log_leaves
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_head(p_major int, p_argument bigint)
RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN p_argument < 24 THEN substr(int4send(p_major * 32 + p_argument::int), 4)
        WHEN p_argument < 256 THEN substr(int4send((p_major * 32 + 24 << 8) + p_argument::int), 3)
        WHEN p_argument < 65536 THEN substr(int4send((p_major * 32 + 25 << 16) + p_argument::int), 2)
        WHEN p_argument < 4294967296
            THEN substr(int8send((p_major * 32 + 26::bigint << 32) + p_argument), 4)
        ELSE substr(int4send(p_major * 32 + 27), 4) || int8send(p_argument)
    END;
$$;

COMMENT ON FUNCTION artifactstore.cbor_head(int, bigint) IS
'Head of a CBOR item (RFC 8949 §3) in its shortest form';
