-- purpose: the sequence of a stored view set that can be trusted, or a refusal with the reason
-- called by: begin_rebuild, as_of, replay
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.trusted_sequence(p_schema text)
RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_problem text := artifactstore.view_set_problem(p_schema);
    v_sequence bigint;
BEGIN
    IF v_problem IS NOT NULL THEN
        PERFORM artifactstore.refuse('bad-view-set', jsonb_build_object('problem', v_problem));
    END IF;
    SELECT v.sequence INTO STRICT v_sequence FROM artifactstore.view_sets v WHERE v.schema_name = p_schema;
    RETURN v_sequence;
END
$$;

COMMENT ON FUNCTION artifactstore.trusted_sequence(text) IS
'Last event that a stored view set reflects; refuses bad-view-set when view_set_problem finds something';
