-- purpose: all of a package as it was: its rows, some of its files, and what might be done with it
-- called by: role service (Store.package_past)
-- writes: nothing that stays
CREATE OR REPLACE FUNCTION artifactstore.package_past(
    p_package_id uuid, p_sequence bigint, p_max_events integer, p_after text, p_limit integer
)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = artifactstore, pg_temp
SET standard_conforming_strings = on
AS $$
DECLARE
    v_schema text;
    v_sequences bigint[];
    v_now timestamptz;
    v_past jsonb;
BEGIN
    PERFORM artifactstore.refuse_no_event(p_sequence);
    v_sequences := artifactstore.package_sequences(p_package_id, p_sequence);
    IF cardinality(v_sequences) > p_max_events THEN
        PERFORM artifactstore.refuse('too-large', jsonb_build_object(
            'problem', format('the package has %s events up to there, and the past of one is shown up to %s',
                cardinality(v_sequences), p_max_events),
            'events', cardinality(v_sequences), 'limit', p_max_events));
    END IF;
    SELECT e.created_at INTO v_now FROM artifactstore.events e WHERE e.sequence = p_sequence;
    BEGIN
        v_schema := artifactstore.take_scratch();
        PERFORM artifactstore.project_sequences(v_schema, v_sequences);
        v_past := artifactstore.package_picture(p_package_id, p_after, p_limit)
            || jsonb_build_object('commands',
                artifactstore.package_commands(v_schema, p_package_id, p_sequence, v_now));
        -- The rows were only to be looked at: an error that is caught takes them away.
        RAISE EXCEPTION USING ERRCODE = 'RB000', MESSAGE = 'undo';
    EXCEPTION WHEN SQLSTATE 'RB000' THEN
        NULL;
    END;
    RETURN v_past;
END
$$;

COMMENT ON FUNCTION artifactstore.package_past(uuid, bigint, integer, text, integer) IS
'A package as the log left it at event p_sequence: package, retention, holds, totals, commands, and '
'p_limit live files after the path p_after with their locations; package is null if it was not there yet. '
'Folds the events of that package alone, and refuses too-large if there are more than p_max_events';
