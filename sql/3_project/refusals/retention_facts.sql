-- purpose: what keeps a package, for a refusal
-- called by: refusal_facts
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.retention_facts(p_code text, p_package_id uuid, p_hold_id uuid)
RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_facts jsonb;
BEGIN
    CASE
        WHEN p_code IN ('retention-active', 'retention-changed', 'not-later', 'not-earlier', 'wrong-mode',
            'compliance-locked')
        THEN
            SELECT jsonb_build_object('package_id', r.package_id, 'mode', r.mode,
                'retain_until', artifactstore.show_time(r.retain_until))
            INTO v_facts FROM retention_state r WHERE r.package_id = p_package_id;
        WHEN p_code = 'legal-hold' THEN
            SELECT jsonb_build_object('package_id', r.package_id, 'hold_count', r.hold_count,
                'holds', artifactstore.held_by(p_package_id))
            INTO v_facts FROM retention_state r WHERE r.package_id = p_package_id;
        WHEN p_code = 'no-such-hold' THEN
            v_facts := jsonb_build_object('hold_id', p_hold_id, 'holds', artifactstore.held_by(p_package_id));
        WHEN p_code = 'hold-exists' THEN
            SELECT jsonb_build_object('hold_id', h.hold_id, 'case', h.case_ref, 'placed_by', h.placed_by,
                'placed_at', artifactstore.show_time(h.placed_at),
                'released_at', artifactstore.show_time(h.released_at))
            INTO v_facts
            FROM retention_holds h WHERE h.package_id = p_package_id AND h.hold_id = p_hold_id;
        WHEN p_code = 'views-damaged' THEN
            v_facts := jsonb_build_object('view', 'retention_state', 'package_id', p_package_id);
        ELSE
            NULL;
    END CASE;
    RETURN v_facts;
END
$$;

COMMENT ON FUNCTION artifactstore.retention_facts(text, uuid, uuid) IS
'Mode and end of the retention of a package, its holds in force, the hold p_hold_id, '
'or where its row is missing, as a refusal by the name p_code needs them; else null';
