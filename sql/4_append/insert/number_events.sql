-- purpose: give events their sequence and time, under the lock; known requests keep those of their first run
-- called by: admit_events
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.number_events(
    p_events artifactstore.decoded_event[], p_head bigint, p_now timestamptz
)
RETURNS artifactstore.decoded_event[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_last CONSTANT bigint := 9007199254740991;
    v_events artifactstore.decoded_event[] := '{}';
    v_event artifactstore.decoded_event;
    v_request artifactstore.requests;
    v_next bigint := p_head;
    v_left bigint := 0;
    v_known boolean := false;
    v_position integer := 0;
BEGIN
    FOREACH v_event IN ARRAY p_events LOOP
        v_position := v_position + 1;
        IF v_event.payload ? 'request' THEN
            v_left := (v_event.payload #> '{request,events}')::bigint;
            SELECT * INTO v_request FROM artifactstore.requests r
            WHERE r.actor = v_event.actor AND r.key = v_event.payload #>> '{request,key}';
            v_known := FOUND;
            IF v_known AND (v_request.digest <> decode(v_event.payload #>> '{request,digest}', 'hex')
                OR v_request.events <> v_left)
            THEN
                PERFORM artifactstore.refuse('request-mismatch', jsonb_build_object(
                    'position', v_position, 'key', v_request.key,
                    'first_sequence', v_request.first_sequence));
            END IF;
        ELSIF v_left = 0 THEN
            v_known := false;
        END IF;
        v_left := greatest(v_left - 1, 0);
        IF v_known THEN
            v_event.sequence := v_request.first_sequence + v_request.events - 1 - v_left;
            -- The view says by number which events these were: the log must agree.
            SELECT e.created_at INTO v_event.created_at FROM artifactstore.events e
            WHERE e.sequence = v_event.sequence AND e.actor = v_event.actor AND (
                NOT v_event.payload ? 'request'
                OR artifactstore.payload_or_null(e.payload) #>> '{request,key}'
                    = v_event.payload #>> '{request,key}');
            IF NOT FOUND THEN
                PERFORM artifactstore.refuse('views-behind', jsonb_build_object(
                    'problem', format('event %s is not of the request that requests says', v_event.sequence),
                    'head', p_head));
            END IF;
        ELSE
            v_next := v_next + 1;
            -- JSON and payloads hold no larger number exactly: it could never be read, or named, again.
            IF v_next > c_last THEN
                PERFORM artifactstore.refuse('log-full', jsonb_build_object(
                    'position', v_position, 'head', p_head, 'limit', c_last));
            END IF;
            v_event.sequence := v_next;
            v_event.created_at := p_now;
        END IF;
        v_events := v_events || v_event;
    END LOOP;
    RETURN v_events;
END
$$;

COMMENT ON FUNCTION artifactstore.number_events(artifactstore.decoded_event[], bigint, timestamptz) IS
'The events with sequence and created_at: new ones after p_head, those of a known request as at first; '
'refuses a key that was used for another request, and numbers over 2^53 - 1 (log-full)';
