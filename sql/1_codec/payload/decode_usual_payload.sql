-- purpose: a payload of any type in one pass, by the catalogue; null unless it is the usual kind
-- called by: decode_usual
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.decode_usual_payload(p_payload bytea, p_shape jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    -- The zeros let a head or a key run over the end before that is checked.
    v_map pg_catalog.record := artifactstore.decode_fields(
        p_payload || decode(repeat('00', 300), 'hex'), 0, p_shape);
BEGIN
    -- A backslash stands for a byte that is no plain ASCII.
    IF v_map.draft_end IS DISTINCT FROM octet_length(p_payload)
        OR v_map.draft COLLATE "C" ~ '[\\"\x01-\x1f]'
    THEN
        RETURN NULL;
    END IF;
    RETURN replace(v_map.draft, '¶', '"')::jsonb;
END
$$;

COMMENT ON FUNCTION artifactstore.decode_usual_payload(bytea, jsonb) IS
'The same as decode_any_payload for a payload of the usual kind, null for any other; '
'p_shape = event_types.shape';
