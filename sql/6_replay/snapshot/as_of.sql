-- purpose: the registry as it was, as tables of its own
-- called by: role operator (artifactstore as-of)
-- writes: view_sets, and the tables of the new view set
CREATE OR REPLACE FUNCTION artifactstore.as_of(p_schema text, p_last bigint, p_snapshot text DEFAULT NULL)
RETURNS artifactstore.view_sets
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
AS $$
DECLARE
    v_made artifactstore.view_sets;
    v_from bigint := 0;
    v_point artifactstore.log_point := artifactstore.point_at(p_last);
BEGIN
    PERFORM artifactstore.refuse_no_event(p_last);
    PERFORM artifactstore.create_views(p_schema, true);
    IF p_snapshot IS NOT NULL THEN
        v_from := artifactstore.trusted_sequence(p_snapshot);
        IF v_from > p_last THEN
            PERFORM artifactstore.refuse('bad-view-set', jsonb_build_object(
                'problem', format('future: it reflects event %s', v_from)));
        END IF;
        PERFORM artifactstore.copy_view_set(p_snapshot, p_schema);
    END IF;
    PERFORM artifactstore.index_views(p_schema);
    PERFORM artifactstore.project_ranges(p_schema, v_from + 1, p_last);

    v_made.schema_name := p_schema;
    v_made.purpose := 'past';
    v_made.sequence := p_last;
    v_made.log_id := v_point.log_id;
    v_made.epoch_id := v_point.epoch_id;
    v_made.identity := v_point.identity;
    v_made.fingerprint := artifactstore.fingerprint();
    v_made.digests := artifactstore.digest_view_set(p_schema);
    v_made.created_at := clock_timestamp();
    INSERT INTO artifactstore.view_sets SELECT v_made.*;
    PERFORM artifactstore.grant_view_set(p_schema);
    RETURN v_made;
END
$$;

COMMENT ON FUNCTION artifactstore.as_of(text, bigint, text) IS
'Makes the view set p_schema as the log left it at event p_last (of an instant: sequence_at), '
'from a snapshot if one is named, and registers it in view_sets; drop_view_set removes it';
