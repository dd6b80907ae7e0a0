-- purpose: the rows of one view set into the empty tables of another
-- called by: begin_rebuild, as_of, replay
-- writes: the views of the view set p_to
CREATE OR REPLACE FUNCTION artifactstore.copy_view_set(p_from text, p_to text)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_view text;
BEGIN
    PERFORM artifactstore.own_view_set(p_from);
    PERFORM artifactstore.own_view_set(p_to);
    FOREACH v_view IN ARRAY artifactstore.view_names() LOOP
        EXECUTE format('INSERT INTO %1$I.%3$I SELECT * FROM %2$I.%3$I', p_to, p_from, v_view);
    END LOOP;
END
$$;

COMMENT ON FUNCTION artifactstore.copy_view_set(text, text) IS
'Copies the rows of all views of the view set p_from into those of p_to';
