-- purpose: a text as CBOR
-- called by: cbor_encode_scalar, cbor_encode_object, cbor_encode_map, log_leaves
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.cbor_text(p_text text)
RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    RETURN artifactstore.cbor_head(3, octet_length(p_text)) || convert_to(p_text, 'UTF8');
END
$$;

COMMENT ON FUNCTION artifactstore.cbor_text(text) IS
'CBOR text string';
