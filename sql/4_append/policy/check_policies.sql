-- purpose: a package that a rule fits is not created without retention
-- called by: admit_events, under the lock
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_policies(
    p_events artifactstore.decoded_event[], p_head bigint
)
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_due record;
BEGIN
    IF NOT EXISTS (SELECT FROM artifactstore.retention_policies) THEN
        RETURN;
    END IF;
    SELECT e.sequence, f.name, f.mode, f.days INTO v_due
    FROM unnest(p_events) e, LATERAL artifactstore.fitting_policy(
        e.payload ->> 'purl', e.payload -> 'labels', e.payload ->> 'media_type') f
    WHERE e.event_type = 'v1.package.created' AND e.sequence > p_head AND NOT e.payload ? 'retention'
    ORDER BY e.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse('policy-applies', artifactstore.event_place(p_events, v_due.sequence)
            || jsonb_build_object('policy', v_due.name, 'mode', v_due.mode, 'days', v_due.days, 'problem',
                format('policy %s gives it %s retention of %s days', v_due.name, v_due.mode, v_due.days)));
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.check_policies(artifactstore.decoded_event[], bigint) IS
'Refuses the first new v1.package.created without retention that a rule of retention_policies fits: '
'policy-applies';
