-- purpose: a request covers exactly the events that it says
-- called by: check_door
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.check_requests(p_events artifactstore.decoded_event[])
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_position bigint;
    v_key text;
    v_problem text;
BEGIN
    -- In one pass, not request by request: a group append may carry thousands.
    WITH stretches AS (
        SELECT a.*, count(*) FILTER (WHERE a.changed) OVER (ORDER BY a.position) AS stretch
        FROM (
            SELECT u.position, u.actor, u.payload -> 'request' AS request,
                u.actor IS DISTINCT FROM lag(u.actor) OVER (ORDER BY u.position) AS changed
            FROM unnest(p_events) WITH ORDINALITY
                AS u (sequence, created_at, event_type, subject_id, actor, payload, position)) a
    ), events AS (
        SELECT s.*, max(s.position) OVER (PARTITION BY s.stretch) AS last_of_actor FROM stretches s
    ), requests AS (
        SELECT e.position, e.actor, e.last_of_actor, e.request ->> 'key' AS key,
            (e.request -> 'events')::bigint AS events,
            e.position + (e.request -> 'events')::bigint - 1 AS last
        FROM events e WHERE e.request IS NOT NULL
    ), judged AS (
        SELECT r.position, r.key, CASE
            WHEN r.position <= lag(r.last) OVER (ORDER BY r.position)
                THEN 'it begins before the one before it ends'
            WHEN r.last > cardinality(p_events) THEN format(
                'it says %s events, %s are left', r.events, cardinality(p_events) - r.position + 1)
            WHEN row_number() OVER (PARTITION BY r.actor, r.key ORDER BY r.position) > 1
                THEN 'its key is twice in this append'
            WHEN r.last > r.last_of_actor THEN 'its events have different actors'
            END AS problem
        FROM requests r
    )
    SELECT j.position, j.key, j.problem INTO v_position, v_key, v_problem
    FROM judged j WHERE j.problem IS NOT NULL ORDER BY j.position LIMIT 1;
    IF FOUND THEN
        PERFORM artifactstore.refuse('bad-request-group', jsonb_build_object(
            'position', v_position, 'key', v_key, 'problem', v_problem));
    END IF;
END
$$;

COMMENT ON FUNCTION artifactstore.check_requests(artifactstore.decoded_event[]) IS
'Refuses requests among p_events that overlap, count more events than there are, '
'use a key twice or mix actors';
