-- purpose: fast decoding of the usual v1.storage.verified, a quarter of a typical log
-- called by: decode_usual
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.decode_storage_verified(p_payload bytea)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_at integer := greatest(octet_length(p_payload) - 53, 0);
    v_method pg_catalog.text;
BEGIN
    v_method := CASE substr(p_payload, 1, v_at)
        WHEN '\xa3666d6574686f646966756c6c5f72656164' THEN 'full_read' -- 3 pairs, "method": …
        WHEN '\xa3666d6574686f64706261636b656e645f636865636b73756d' THEN 'backend_checksum' END;
    IF v_method IS NULL
        OR substr(p_payload, v_at + 1, 9) <> '\x6766696c655f696450' -- "file_id", 16 bytes
        OR substr(p_payload, v_at + 26, 12) <> '\x6a7061636b6167655f696450' -- "package_id", 16 bytes
    THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object('method', v_method, 'file_id', encode(substr(p_payload, v_at + 10, 16), 'hex'),
        'package_id', encode(substr(p_payload, v_at + 38, 16), 'hex'));
END
$$;

COMMENT ON FUNCTION artifactstore.decode_storage_verified(bytea) IS
'The same as cbor_decode for the usual v1.storage.verified, null for any other payload';
