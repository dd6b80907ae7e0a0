-- purpose: who may do what; the only place that grants, so what is not listed here is not allowed
-- called by: migrate
-- writes: nothing
DO $$
DECLARE
    v_names text;
    v_pure text[];
    v_grant record;
BEGIN
    SELECT string_agg(format('%I', r.rolname), ', ') INTO STRICT v_names
    FROM artifactstore.roles r WHERE r.role <> 'owner';
    EXECUTE format('REVOKE ALL ON SCHEMA artifactstore FROM PUBLIC, %s', v_names);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA artifactstore FROM PUBLIC, %s', v_names);
    EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA artifactstore FROM PUBLIC, %s', v_names);
    -- Functions that are made later begin closed too.
    ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC;

    -- Immutable functions read and write nothing: the codec and its helpers, for whoever may read.
    SELECT array_agg(p.proname::text) INTO STRICT v_pure
    FROM pg_proc p WHERE p.pronamespace = 'artifactstore'::regnamespace AND p.provolatile = 'i';

    -- Roles are members of each other: writer and service have what reader has, operator what writer has.
    FOR v_grant IN
        SELECT g.what, q.object, r.rolname
        FROM (VALUES
            ('reader', 'USAGE ON SCHEMA', ARRAY['artifactstore']),
            ('reader', 'SELECT ON TABLE', artifactstore.view_names() || ARRAY[
                'events', 'event_types', 'error_codes', 'purl_types', 'roles',
                'applied_migrations', 'software', 'view_sets', 'home', 'keeper_runs', 'store_locks',
                'all_subjects', 'event_log', 'audit_events', 'retention_events', 'log_leaves']),
            ('reader', 'EXECUTE ON FUNCTION', ARRAY[
                'bell_rings', 'byte_claims', 'canonical_path', 'canonical_purl', 'canonical_qualifiers',
                'canonical_subpath', 'cbor_encode', 'cbor_encode_list', 'cbor_encode_map',
                'cbor_encode_object', 'cbor_encode_value', 'check_purl_parts', 'check_purl_text',
                'copy_removals', 'describe_payload', 'describe_value', 'event_identity', 'explain_policies',
                'here', 'log_head', 'open_version', 'package_history', 'package_now', 'package_picture',
                'purl_problem',
                'purl_segment', 'rebuild_worker', 'refuse', 'refuse_field', 'refuse_purl', 'retention_due',
                'sequence_at', 'spell_purl'
            ] || v_pure),
            ('writer', 'EXECUTE ON FUNCTION', ARRAY['append_json', 'new_id', 'new_object_ids']),
            ('service', 'EXECUTE ON FUNCTION', ARRAY[
                'allowed_commands', 'append', 'append_commands', 'begin_keeper_run', 'check_packages',
                'check_views', 'desired_locks', 'doomed_objects', 'doubt_locks', 'due_policies',
                'end_keeper_run', 'find_token', 'fitting_policy', 'forget_locks', 'issue_token',
                'known_objects', 'list_tokens', 'log_evidence', 'new_id', 'new_object_ids', 'note_locks',
                'object_page', 'package_at', 'package_past', 'revoke_token', 'sample_packages',
                'set_policies']),
            ('operator', 'EXECUTE ON FUNCTION', ARRAY[
                'adopt', 'allowed_commands', 'as_of', 'begin_parts', 'begin_rebuild', 'check_packages',
                'check_views', 'compare_view_sets', 'create_snapshot', 'doubt_views', 'drop_leftover',
                'drop_rebuild', 'drop_view_set', 'end_parts', 'end_rebuild', 'equalize', 'find_differences',
                'import_events', 'log_evidence', 'package_at', 'package_past', 'rebuild', 'rebuild_next',
                'rebuild_part', 'replay', 'restored', 'sample_packages', 'trust_views', 'verify_part',
                'view_set_problem'])
        ) AS g (role, what, objects)
        JOIN artifactstore.roles r USING (role), unnest(g.objects) AS o (object),
            LATERAL (SELECT CASE WHEN g.what LIKE '%SCHEMA' THEN format('%I', o.object)
                ELSE format('artifactstore.%I', o.object) END) AS q (object)
        ORDER BY g.role, g.what, q.object
    LOOP
        EXECUTE format('GRANT %s %s TO %I', v_grant.what, v_grant.object, v_grant.rolname);
    END LOOP;
END
$$;
