-- purpose: whether bytes are UTF-8 that PostgreSQL can hold, without raising when they are not
-- called by: cbor_texts
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.is_text(p_bytes bytea)
RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    -- Table 3-7 of the Unicode standard, two hex digits a byte, without 00.
    SELECT encode(p_bytes, 'hex') COLLATE "C" ~ ('^(?:0[1-9a-f]|[1-7].|(?:c[2-9a-f]|d.)[89ab].'
        '|(?:e0[ab]|e[1-9a-cef][89ab]|ed[89]).[89ab].|(?:f0[9ab]|f[123][89ab]|f48).[89ab].[89ab].)*$');
$$;

COMMENT ON FUNCTION artifactstore.is_text(bytea) IS
'True if the bytes are UTF-8 without U+0000';
