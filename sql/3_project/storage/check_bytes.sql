-- purpose: bytes are not given up while another location names them
-- called by: fold, fold_commands
-- writes: nothing
--
-- The one rule that couples packages by what is freed again, so it is judged after the waves, not in them:
-- what byte_claims tells of an event depends on the range that was folded, not on the order in which it was.
-- That is so however the packages of a range are shared out, if all of it is folded before this is asked.
CREATE OR REPLACE FUNCTION artifactstore.check_bytes(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_locations uuid[];
    v_sequences bigint[];
    v_sequence bigint;
    v_needed_by jsonb;
BEGIN
    IF cardinality(p_events) = 0 THEN
        RETURN;
    END IF;
    SELECT array_agg(e.subject_id), array_agg(e.sequence) INTO v_locations, v_sequences
    FROM unnest(p_events) e WHERE e.payload ->> 'outcome' = 'deleted';
    SELECT c.sequence, c.needed_by INTO v_sequence, v_needed_by
    FROM artifactstore.byte_claims(v_locations, v_sequences) c
    WHERE c.needed_by IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse_event(p_events, v_sequence, 'bytes-needed', jsonb_build_object(
            'needed_by', v_needed_by, 'problem', format('location %s (%s) of %s needs them%s',
                v_needed_by ->> 'location_id', v_needed_by ->> 'state', v_needed_by ->> 'purl',
                CASE WHEN v_needed_by -> 'more' <> '0'
                    THEN format(', and %s more', v_needed_by -> 'more') END)));
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.check_bytes(artifactstore.decoded_event[]) IS
'Of the events v1.storage.retired p_events, whose range is folded, '
'refuses the first with outcome deleted whose bytes another location named and was not retired before: '
'bytes-needed';
