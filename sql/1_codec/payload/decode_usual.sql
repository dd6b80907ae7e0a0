-- purpose: the short cuts of decoding
-- called by: decode_payload, open_arguments
-- writes: nothing
--
-- One expression, which PostgreSQL puts into the statement that uses it.
CREATE OR REPLACE FUNCTION artifactstore.decode_usual(p_event_type text, p_payload bytea, p_shape jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        -- Without a row in the catalogue there is none.
        WHEN p_shape IS NULL THEN NULL
        WHEN p_event_type = 'v1.file.ingested' THEN artifactstore.decode_file_ingested(p_payload)
        WHEN p_event_type = 'v1.storage.verified' THEN artifactstore.decode_storage_verified(p_payload)
        ELSE artifactstore.decode_usual_payload(p_payload, p_shape) END
$$;

COMMENT ON FUNCTION artifactstore.decode_usual(text, bytea, jsonb) IS
'The same as decode_any_payload for a payload of the usual kind, null, which is no verdict, for any other; '
'p_shape = event_types.shape';
