-- purpose: which event is the last that a restored log shares with what was seen of it before
-- called by: restored, under the lock
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.last_shared(p_from bigint)
RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_head bigint := artifactstore.log_head();
    v_lost record;
    v_most bigint := v_head;
BEGIN
    FOR v_lost IN SELECT * FROM artifactstore.log_evidence() LOOP
        IF v_lost.source = 'views' THEN
            PERFORM artifactstore.refuse('views-behind', jsonb_build_object(
                'problem', format('%s: %s', v_lost.name, v_lost.problem), 'head', v_head));
        ELSIF v_lost.sequence - 1 < least(v_most, p_from) THEN
            v_most := v_lost.sequence - 1;
            IF p_from IS NOT NULL THEN
                PERFORM artifactstore.refuse('events-lost', jsonb_build_object(
                    'problem', format('event %s is no shared one: %s %s: %s (%s)', p_from, v_lost.source,
                        v_lost.name, v_lost.problem, v_lost.sequence),
                    'from', p_from, 'at_most', v_most, 'source', v_lost.source, 'name', v_lost.name));
            END IF;
        END IF;
    END LOOP;
    IF p_from > v_head THEN
        PERFORM artifactstore.refuse('not-found', jsonb_build_object('problem',
            format('there is no event %s, the log ends at %s', p_from, v_head), 'head', v_head));
    ELSIF p_from < 1 THEN
        PERFORM artifactstore.refuse('bad-payload', jsonb_build_object('problem',
            format('from %s: a log and what was seen of it share its first event at least', p_from)));
    END IF;
    RETURN coalesce(p_from, v_most);
END
$$;

COMMENT ON FUNCTION artifactstore.last_shared(bigint) IS
'The last event that old and new history share: p_from, or by default the last one that nothing in the '
'database speaks against. Refuses events-lost for a later one, not-found beyond the head, '
'views-behind while views name events after it';
