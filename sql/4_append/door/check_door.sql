-- purpose: door checks: what depends on the moment or on taste, and may be tightened later
-- called by: open_arguments
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_door(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_event artifactstore.decoded_event;
    v_position integer := 0;
    v_requests boolean := false;
    v_names boolean := false;
    v_code text;
    v_problem jsonb;
BEGIN
    FOREACH v_event IN ARRAY p_events LOOP
        v_position := v_position + 1;
        v_requests := v_requests OR v_event.payload ? 'request';
        -- Most actors are printable ASCII, which has one form, and most events have no other name.
        v_names := v_names OR v_event.actor ~ '[^ -~]'
            OR v_event.payload ?| ARRAY['on_behalf_of', 'labels', 'set'];
        CASE v_event.event_type
            WHEN 'v1.file.ingested' THEN
                IF v_event.payload ->> 'path' IS NOT NFC NORMALIZED THEN
                    v_code := 'bad-path';
                    v_problem := '{"problem": "the path is not in Unicode normalization form C"}';
                END IF;
            WHEN 'v1.package.created' THEN
                v_problem := artifactstore.purl_problem(v_event.payload ->> 'purl');
                v_code := 'invalid-purl';
            WHEN 'v1.system.policies_set' THEN
                v_problem := artifactstore.policies_problem(v_event.payload -> 'rules');
                v_code := 'bad-payload';
            ELSE
                NULL;
        END CASE;
        IF v_problem IS NOT NULL THEN
            PERFORM artifactstore.refuse(v_code, jsonb_build_object(
                'position', v_position, 'event_type', v_event.event_type) || v_problem);
        END IF;
    END LOOP;
    IF v_names THEN
        PERFORM artifactstore.check_names(p_events);
    END IF;
    IF v_requests THEN
        PERFORM artifactstore.check_requests(p_events);
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.check_door(artifactstore.decoded_event[]) IS
'Refuses events that the log would understand but should not take: paths and names not in NFC, '
'names with what cannot be seen, purls not in canonical form, rules of retention that cannot be meant';
