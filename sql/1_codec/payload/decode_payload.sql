-- purpose: payload bytes to jsonb, refused unless they are exactly what the catalogue allows
-- called by: decode_arguments, decode_range, decode_events, issue_token, revoke_token
-- writes: nothing
--
-- One expression, which PostgreSQL puts into the statement that uses it: p_where is made for a refusal only.
CREATE OR REPLACE FUNCTION artifactstore.decode_payload(
    p_event_type text, p_payload bytea, p_where jsonb, p_shape jsonb DEFAULT NULL
)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE
AS $$
    SELECT coalesce(
        artifactstore.decode_usual(p_event_type, p_payload, p_shape),
        artifactstore.decode_any_payload(p_event_type, p_payload, p_where))
$$;

COMMENT ON FUNCTION artifactstore.decode_payload(text, bytea, jsonb, jsonb) IS
'Payload decoded and checked against the catalogue; '
'a refusal carries p_where (position or sequence) in DETAIL. p_shape = event_types.shape makes it fast';
