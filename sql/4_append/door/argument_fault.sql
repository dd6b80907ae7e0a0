-- purpose: what an event of an append lacks before its payload is looked at
-- called by: open_arguments, decode_arguments
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.argument_fault(
    p_event_type text, p_subject_id uuid, p_actor text, p_payload bytea, p_digest bytea
)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN p_event_type IS NULL THEN 'unknown-event-type'
        WHEN p_subject_id IS NULL THEN 'bad-subject'
        WHEN (octet_length(p_actor) BETWEEN 1 AND 255) IS NOT TRUE THEN 'bad-actor'
        WHEN octet_length(p_payload) > 65536 THEN 'too-large'
        WHEN (octet_length(p_payload) > 0) IS NOT TRUE THEN 'bad-payload'
        WHEN (octet_length(p_digest) = 32) IS NOT TRUE THEN 'bad-digest' END
$$;

COMMENT ON FUNCTION artifactstore.argument_fault(text, uuid, text, bytea, bytea) IS
'Name of the refusal of an event whose arguments are null or of a length that cannot be; null if there is '
'nothing';
