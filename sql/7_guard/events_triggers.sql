-- purpose: the log is append-only, for owner and superuser too, and with session_replication_role = replica
-- called by: migrate
-- writes: nothing
CREATE OR REPLACE TRIGGER events_forbid_change
    BEFORE UPDATE OR DELETE ON artifactstore.events
    FOR EACH ROW EXECUTE FUNCTION artifactstore.forbid_change();

CREATE OR REPLACE TRIGGER events_forbid_truncate
    BEFORE TRUNCATE ON artifactstore.events
    FOR EACH STATEMENT EXECUTE FUNCTION artifactstore.forbid_change();

-- append and replay set artifactstore.projecting while they write, local to the transaction. (As an attribute
-- of the functions it would need a superuser to create them.) Whoever may write the log at all could set it
-- too, so this is no lock, but nobody inserts by accident. For each row: the apply worker of a subscription
-- fires no statement triggers.
CREATE OR REPLACE TRIGGER events_forbid_insert
    BEFORE INSERT ON artifactstore.events
    FOR EACH ROW
    WHEN (current_setting('artifactstore.projecting', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION artifactstore.forbid_change();

ALTER TABLE artifactstore.events ENABLE ALWAYS TRIGGER events_forbid_change;
ALTER TABLE artifactstore.events ENABLE ALWAYS TRIGGER events_forbid_truncate;
ALTER TABLE artifactstore.events ENABLE ALWAYS TRIGGER events_forbid_insert;
