-- purpose: what people are named by and find things by has one spelling, and nothing that cannot be seen
-- called by: check_door
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_names(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_name record;
BEGIN
    SELECT e.position, e.event_type, n.code, n.field, artifactstore.name_problem(n.name) AS problem
    INTO v_name
    FROM unnest(p_events) WITH ORDINALITY
        AS e (sequence, created_at, event_type, subject_id, actor, payload, position),
    LATERAL (
        SELECT 'bad-actor' AS code, 'actor' AS field, e.actor AS name
        UNION ALL
        SELECT 'bad-payload', 'on_behalf_of', e.payload ->> 'on_behalf_of'
        UNION ALL
        SELECT 'bad-payload', f.field || '.' || k.key, k.key
        FROM (VALUES ('labels'), ('set')) f (field),
            LATERAL jsonb_object_keys(coalesce(e.payload -> f.field, '{}')) k (key)) n
    WHERE n.name ~ '[^ -~]' AND artifactstore.name_problem(n.name) IS NOT NULL
    ORDER BY e.position LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse(v_name.code, v_name.problem || jsonb_build_object(
            'position', v_name.position, 'event_type', v_name.event_type, 'field', v_name.field));
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.check_names(artifactstore.decoded_event[]) IS
'Refuses actors (bad-actor), on_behalf_of and keys of labels (bad-payload) '
'that are not in NFC or hold what cannot be seen; labels are unset whatever they are';
