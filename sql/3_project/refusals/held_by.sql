-- purpose: the legal holds in force on a package, for a refusal
-- called by: retention_facts
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.held_by(p_package_id uuid)
RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_shown CONSTANT integer := 10;
    v_holds jsonb;
BEGIN
    SELECT jsonb_agg(jsonb_build_object(
        'hold_id', h.hold_id, 'case', h.case_ref, 'placed_by', h.placed_by,
        'placed_at', artifactstore.show_time(h.placed_at)) ORDER BY h.created_sequence, h.hold_id)
    INTO v_holds
    FROM (
        SELECT * FROM retention_holds r WHERE r.package_id = p_package_id AND r.released_at IS NULL
        ORDER BY r.created_sequence, r.hold_id LIMIT c_shown) h;
    RETURN coalesce(v_holds, '[]');
END
$$;

COMMENT ON FUNCTION artifactstore.held_by(uuid) IS
'Legal holds in force on a package, the oldest ten: id, case, by whom and when placed';
