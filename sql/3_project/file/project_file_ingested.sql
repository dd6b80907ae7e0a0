-- purpose: v1.file.ingested
-- called by: project_events
-- writes: artifact_files, storage_locations
--
-- Inserts first, and asks what was wrong if not all was inserted: a question is a statement more for every
-- event. ON CONFLICT looks into each unique index twice, which is less than an error for an event alone; in a
-- range the error is what makes fold look for the event.
CREATE OR REPLACE FUNCTION artifactstore.project_file_ingested(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_alone CONSTANT boolean := cardinality(p_events) = 1;
    v_inserted bigint;
BEGIN
    IF v_alone THEN
        INSERT INTO artifact_files SELECT f.* FROM artifactstore.ingested_files(p_events) f
        ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO artifact_files SELECT f.* FROM artifactstore.ingested_files(p_events) f;
    END IF;
    GET DIAGNOSTICS v_inserted = ROW_COUNT;
    IF v_inserted <> cardinality(p_events) THEN
        PERFORM artifactstore.refuse_ingested(p_events);
    END IF;

    IF NOT v_alone THEN
        INSERT INTO storage_locations SELECT l.* FROM artifactstore.ingested_locations(p_events) l;
    ELSIF p_events[1].payload ? 'locations' THEN
        INSERT INTO storage_locations SELECT l.* FROM artifactstore.ingested_locations(p_events) l
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS v_inserted = ROW_COUNT;
        IF v_inserted <> jsonb_array_length(p_events[1].payload -> 'locations') THEN
            PERFORM artifactstore.refuse_ingested(p_events);
        END IF;
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.project_file_ingested(artifactstore.decoded_event[]) IS
'New files with their inline locations; refuses not-found, not-open, bad-path, id-taken, path-taken, '
'location-taken (in a range of events some of them as another of these or as unique_violation, for fold)';
