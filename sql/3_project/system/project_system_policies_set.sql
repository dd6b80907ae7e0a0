-- purpose: v1.system.policies_set
-- called by: project_events
-- writes: retention_policies
CREATE OR REPLACE FUNCTION artifactstore.project_system_policies_set(
    p_events artifactstore.decoded_event[]
)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM artifactstore.refuse_other_log(p_events);
    DELETE FROM retention_policies;
    INSERT INTO retention_policies (place, name, mode, days, purl_type, purl_prefix, media_type, labels,
        created_sequence, last_sequence)
    SELECT r.place, r.rule ->> 'name', r.rule ->> 'mode', (r.rule ->> 'days')::bigint,
        r.rule ->> 'purl_type', r.rule ->> 'purl_prefix', r.rule ->> 'media_type', r.rule -> 'labels',
        e.sequence, e.sequence
    FROM unnest(p_events) e,
        LATERAL jsonb_array_elements(e.payload -> 'rules') WITH ORDINALITY AS r (rule, place);
END
$$;

COMMENT ON FUNCTION artifactstore.project_system_policies_set(artifactstore.decoded_event[]) IS
'All rules anew (an array holds one event of the log); refuses bad-subject (not the id of the log)';
