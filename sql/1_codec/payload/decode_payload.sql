-- purpose: payload bytes to jsonb, refused unless they are exactly what the catalogue allows
-- called by: open_arguments, decode_range, decode_events, issue_token, revoke_token
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.decode_payload(
    p_event_type text, p_payload bytea, p_where jsonb, p_shape jsonb DEFAULT NULL
)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $$
DECLARE
    v_payload jsonb;
BEGIN
    -- Short cuts: null from them is no verdict. Without a row in the catalogue there is none.
    IF p_shape IS NOT NULL THEN
        CASE p_event_type
            WHEN 'v1.file.ingested' THEN v_payload := artifactstore.decode_file_ingested(p_payload);
            WHEN 'v1.storage.verified' THEN v_payload := artifactstore.decode_storage_verified(p_payload);
            ELSE v_payload := artifactstore.decode_usual_payload(p_payload, p_shape);
        END CASE;
    END IF;
    IF v_payload IS NULL THEN
        v_payload := artifactstore.decode_any_payload(p_event_type, p_payload, p_where);
    END IF;
    RETURN v_payload;
END
$$;

COMMENT ON FUNCTION artifactstore.decode_payload(text, bytea, jsonb, jsonb) IS
'Payload decoded and checked against the catalogue; '
'a refusal carries p_where (position or sequence) in DETAIL. p_shape = event_types.shape makes it fast';
