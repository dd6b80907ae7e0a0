-- purpose: refuse to write a copy of the log by accident
-- called by: take_log, append_log_event, under the lock
-- writes: home, where it is unset and the log empty: the first append is at home
--
-- Reading the control file takes longer than all the rest of it, and a backend never changes
-- its server: what was read is kept in a setting of the session. It is no secret. When it
-- does not match, the file is read again.
CREATE OR REPLACE FUNCTION artifactstore.check_home()
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_home artifactstore.home;
    v_here record;
BEGIN
    SELECT * INTO v_home FROM artifactstore.home;
    IF NOT FOUND THEN
        -- Only a log that does not exist yet may begin anywhere.
        IF artifactstore.log_head() > 0 THEN
            PERFORM artifactstore.refuse('moved', jsonb_build_object(
                'problem', 'it has events, but artifactstore.home does not say where it is at home'));
        END IF;
        INSERT INTO artifactstore.home SELECT h.* FROM artifactstore.here() h;
        RETURN;
    END IF;
    IF v_home.system_identifier || '/' || v_home.database_oid
        = current_setting('artifactstore.place', true)
    THEN
        RETURN;
    END IF;
    -- Not here(), which makes the identity of the last event, too: that alone takes a third of a first
    -- append.
    SELECT * INTO v_here FROM artifactstore.place();
    IF (v_here.system_identifier, v_here.database_oid) <> (v_home.system_identifier, v_home.database_oid) THEN
        PERFORM artifactstore.refuse('moved', jsonb_build_object(
            'problem', CASE WHEN v_here.system_identifier = v_home.system_identifier
                THEN format('its home is the database with oid %s of this server, this is %s',
                    v_home.database_oid, v_here.database_oid)
                ELSE format('its home is the server %s, this is %s',
                    v_home.system_identifier, v_here.system_identifier) END,
            'home', jsonb_build_object('system_identifier', v_home.system_identifier::text,
                'database_oid', v_home.database_oid::bigint, 'since', v_home.since),
            'here', jsonb_build_object('system_identifier', v_here.system_identifier::text,
                'database_oid', v_here.database_oid::bigint)));
    END IF;
    IF v_here.timeline <> v_home.timeline THEN
        RAISE WARNING USING
            ERRCODE = '01000',
            MESSAGE = format(
                'artifactstore: the server was promoted or recovered to a point in time: timeline %s, not %s',
                v_here.timeline, v_home.timeline),
            HINT = 'if followers saw more than this log holds: artifactstore restored; '
                'else artifactstore adopt';
    END IF;
    PERFORM set_config('artifactstore.place', v_here.system_identifier || '/' || v_here.database_oid, false);
END
$$;

COMMENT ON FUNCTION artifactstore.check_home() IS
'Refuses moved in a database that is not the home of the log; '
'warns once per session when the server''s timeline is another one. '
'An unset home becomes this database, if the log is empty';
