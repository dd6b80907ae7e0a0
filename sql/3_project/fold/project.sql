-- purpose: apply a range of the log to the view set that search_path names
-- called by: project_ranges, import_events
-- writes: the views, through fold
CREATE OR REPLACE FUNCTION artifactstore.project(p_first bigint, p_last bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_middle bigint := (p_first + p_last) / 2;
    v_events artifactstore.decoded_event[];
BEGIN
    IF p_first = p_last THEN
        v_events := artifactstore.decode_range(p_first, p_last);
    ELSE
        BEGIN
            v_events := artifactstore.decode_range(p_first, p_last);
        EXCEPTION WHEN SQLSTATE 'ST000' THEN
            -- class ST: an event is damaged or missing; one before it may be refused, halves tell
            PERFORM artifactstore.project(p_first, v_middle);
            PERFORM artifactstore.project(v_middle + 1, p_last);
            RETURN;
        END;
    END IF;
    PERFORM artifactstore.fold(v_events);
END
$$;

COMMENT ON FUNCTION artifactstore.project(bigint, bigint) IS
'Applies the events p_first … p_last to the views: decodes each once and folds them; '
'raises for the first event that is refused, damaged or missing';
