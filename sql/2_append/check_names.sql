-- purpose: what people are named by and find things by has one spelling, and nothing in it that cannot be seen
-- called by: check_door
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_names(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_name record;
    v_at integer;
    v_hex text;
BEGIN
    -- Names of printable ASCII have one form: almost always that is all that is asked.
    SELECT e.position, e.event_type, n.code, n.field, n.name INTO v_name
    FROM (
        SELECT u.event_type, u.actor, u.payload, u.position
        FROM unnest(p_events) WITH ORDINALITY
            AS u (sequence, created_at, event_type, subject_id, actor, payload, position)
        WHERE u.actor ~ '[^ -~]' OR u.payload ?| ARRAY['on_behalf_of', 'labels', 'set']) e,
    LATERAL (
        SELECT 'bad-actor' AS code, 'actor' AS field, e.actor AS name
        UNION ALL
        SELECT 'bad-payload', 'on_behalf_of', e.payload ->> 'on_behalf_of'
        UNION ALL
        SELECT 'bad-payload', f.field || '.' || k.key, k.key
        FROM (VALUES ('labels'), ('set')) f (field),
            LATERAL jsonb_object_keys(coalesce(e.payload -> f.field, '{}')) k (key)) n
    WHERE n.name ~ '[^ -~]'
        AND (n.name IS NOT NFC NORMALIZED OR artifactstore.hidden_character(n.name) > 0)
    ORDER BY e.position LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    v_at := artifactstore.hidden_character(v_name.name);
    v_hex := upper(to_hex(ascii(substr(v_name.name, v_at, 1))));
    PERFORM artifactstore.refuse(v_name.code, jsonb_strip_nulls(jsonb_build_object(
        'position', v_name.position, 'event_type', v_name.event_type, 'field', v_name.field,
        'problem', CASE WHEN v_at = 0 THEN 'the name is not in Unicode normalization form C'
            ELSE 'a character that cannot be seen, or a control character' END,
        'at', nullif(v_at, 0),
        'character', CASE WHEN v_at > 0 THEN 'U+' || lpad(v_hex, greatest(length(v_hex), 4), '0') END)));
END
$$;

COMMENT ON FUNCTION artifactstore.check_names(artifactstore.decoded_event[]) IS
'Refuses actors (bad-actor), on_behalf_of and keys of labels (bad-payload) that are not in NFC or hold what cannot be seen; labels are unset whatever they are';
