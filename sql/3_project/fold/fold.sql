-- purpose: apply events, in order of the log, to the views; what is refused is what one by one would refuse
-- called by: fold_new, append_initialized, fold_commands, project, project_sequences, try_event
-- writes: the views, through projectors
CREATE OR REPLACE FUNCTION artifactstore.fold(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_half integer := cardinality(p_events) / 2;
    v_retired artifactstore.decoded_event[];
    v_type text;
    v_done boolean;
BEGIN
    IF cardinality(p_events) = 1 THEN
        -- Most appends come here. An assignment is no statement that has to be started, as PERFORM is.
        v_type := p_events[1].event_type;
        IF p_events[1].payload ? 'request' THEN
            v_done := artifactstore.project_requests(p_events) IS NULL;
        END IF;
        v_done := artifactstore.project_events(v_type, p_events) IS NULL;
        IF v_type = 'v1.storage.retired' THEN
            PERFORM artifactstore.check_bytes(p_events);
        END IF;
        RETURN;
    END IF;
    BEGIN
        v_retired := artifactstore.fold_waves(p_events);
        PERFORM artifactstore.check_bytes(v_retired);
        RETURN;
    EXCEPTION WHEN SQLSTATE 'ST000' OR unique_violation THEN
        -- Class ST, or an id or path taken twice: some event of the range is refused;
        -- which one is first in the log, halves tell.
        NULL;
    END;
    PERFORM artifactstore.fold(p_events[:v_half]);
    PERFORM artifactstore.fold(p_events[v_half + 1:]);
    RAISE WARNING USING
        MESSAGE = 'a range was refused that its halves were not: '
            'report this, a projector is stricter on ranges',
        DETAIL = format('sequences %s to %s', p_events[1].sequence, p_events[cardinality(p_events)].sequence);
END
$$;

COMMENT ON FUNCTION artifactstore.fold(artifactstore.decoded_event[]) IS
'Applies events to the views, set by set; raises the refusal of the first event that is not allowed';
