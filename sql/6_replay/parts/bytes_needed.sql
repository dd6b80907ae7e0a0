-- purpose: the rule that couples packages, judged when all parts of a fold are done
-- called by: end_parts, verify_part
-- writes: nothing
--
-- A retirement that deleted bytes is the last event of its location, so its sequence is in the row for good,
-- and what byte_claims tells of it is the same after any later event: as check_bytes asks it of each range.
CREATE OR REPLACE FUNCTION artifactstore.bytes_needed(p_schema text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_locations uuid[];
    v_sequences bigint[];
BEGIN
    PERFORM artifactstore.own_view_set(p_schema);
    PERFORM set_config('search_path', format('%I, pg_temp', p_schema), true);
    SELECT array_agg(l.location_id), array_agg(l.last_sequence) INTO v_locations, v_sequences
    FROM storage_locations l WHERE l.retire_outcome = 'deleted';
    RETURN EXISTS (
        SELECT FROM artifactstore.byte_claims(v_locations, v_sequences) c WHERE c.needed_by IS NOT NULL);
END
$$;

COMMENT ON FUNCTION artifactstore.bytes_needed(text) IS
'Whether any bytes were deleted, by the rows of the view set p_schema, while another location named them; '
'leaves search_path at p_schema';
