-- purpose: every refusal with its SQLSTATE, the one place in SQL that names them
-- called by: migrate
-- writes: error_codes
WITH codes (name, sqlstate, message, hint) AS (
    VALUES
    ('bad-payload', 'ST001', 'the payload does not fit its event type', 'see artifactstore.event_types for the fields of the type; the problem is in DETAIL'),
    ('unknown-event-type', 'ST002', 'the event type is not in the catalogue', 'SELECT event_type FROM artifactstore.event_types; a newer log needs newer software: upgrade, then migrate'),
    ('not-found', 'ST003', 'the subject does not exist', 'check the id, and that it was created before'),
    ('id-taken', 'ST004', 'the id was used before', 'ids are never used twice; make a new UUIDv7'),
    ('wrong-package', 'ST005', 'the file or location belongs to another package', 'name the package that it belongs to'),
    ('bad-subject', 'ST006', 'the subject id is missing or not the one that the payload names', 'give the id of the package, file, location or log that the event is about'),
    ('bad-actor', 'ST007', 'the actor is not a text of 1 to 255 bytes', 'give the identity of who does it, e.g. user:ann'),
    ('bad-digest', 'ST008', 'the payload digest is not the BLAKE3 of the payload', 'compute BLAKE3 (32 bytes) of the payload bytes as they are sent'),
    ('too-large', 'ST009', 'a payload or request is over its limit', 'the limit is in DETAIL; split the request'),
    ('invalid-purl', 'ST010', 'the purl is not a well-formed package URL', 'e.g. pkg:generic/name@1.0, ASCII, special bytes percent-encoded'),
    ('name-taken', 'ST011', 'the purl was used before', 'a purl is never used twice, not even after a purge; choose another version'),
    ('not-future', 'ST012', 'the end of retention is not after the time of the event', 'give a later instant'),
    ('purged', 'ST013', 'the package is purged', 'nothing can change a purged package'),
    ('nothing-to-do', 'ST014', 'the event would change no label', 'leave it out'),
    ('not-open', 'ST015', 'the package is not open', 'only open packages take or lose files'),
    ('empty', 'ST016', 'the package has no file', 'ingest files first'),
    ('manifest-changed', 'ST017', 'the files are not those that the command counted', 'read the files again, then repeat the command'),
    ('no-change', 'ST018', 'the package is not sealed or the yank flag is that already', 'read the package again'),
    ('wrong-state', 'ST019', 'the state of the package does not allow it', 'open or sealed packages can be deleted, deleted ones restored or purged'),
    ('legal-hold', 'ST020', 'a legal hold is in force', 'release every hold first; see retention_holds'),
    ('retention-active', 'ST021', 'retention is in force', 'wait until retain_until; operators may bypass governance (bypass_governance)'),
    ('bad-path', 'ST022', 'the path is not allowed', 'relative, / between segments, no empty, . or .. segment, no control characters, NFC'),
    ('path-taken', 'ST023', 'the package has a live file with this path', 'remove that file first or choose another path'),
    ('gone', 'ST024', 'the file is removed or purged', 'ingest it again under a new id'),
    ('digest-mismatch', 'ST025', 'size or digest differ from those of the file', 'a copy must be the same bytes; check what was stored'),
    ('location-taken', 'ST026', 'this file has a live location with this backend and uri', 'use that location'),
    ('retired', 'ST027', 'the location is retired', 'register the copy again under a new id'),
    ('last-good-copy', 'ST028', 'it is the last good copy of a live file', 'register another copy first'),
    ('retention-changed', 'ST029', 'retention is not what the command took it to be', 'read retention_state again, then repeat the command'),
    ('not-later', 'ST030', 'an extension must end later', 'give a later instant; to shorten is another command'),
    ('not-earlier', 'ST031', 'a shortening must end earlier', 'give an earlier instant; to extend is another command'),
    ('wrong-mode', 'ST032', 'retention is not in governance mode', 'only active governance retention can be escalated'),
    ('compliance-locked', 'ST033', 'compliance retention cannot be shortened', 'nobody can; it ends at retain_until'),
    ('hold-exists', 'ST034', 'the hold id was used on this package before', 'make a new hold id'),
    ('no-such-hold', 'ST035', 'no such hold is in force', 'see retention_holds for those in force'),
    ('already-initialized', 'ST036', 'the log has begun already', 'only the first event of a log can be its beginning'),
    ('wrong-epoch', 'ST037', 'the epoch is not the current one + 1, or names another log', 'read log_epochs'),
    ('changed', 'ST040', 'the row is not in the state that was expected', 'read it again, decide, repeat with its new version, which is its ETag'),
    ('request-mismatch', 'ST041', 'the idempotency key was used for another request', 'use a new key for a new request'),
    ('bad-request-group', 'ST042', 'the request does not cover the events that it says', 'only the first event of a request carries it; events counts all of them'),
    ('forbidden', 'ST043', 'the role may not do this', 'ask an operator'),
    ('wrong-isolation', 'ST044', 'the transaction has another isolation level than is needed', 'BEGIN ISOLATION LEVEL READ COMMITTED to append; what is needed is in the message'),
    ('busy', 'ST045', 'another transaction is in the way', 'retry; if it lasts, artifactstore doctor tells who holds the append lock and which transactions are old'),
    ('clock-behind', 'ST046', 'the clock is more than 60 s behind the log', 'set the clock of the server right; nothing is destroyed meanwhile'),
    ('append-only', 'ST047', 'the log is append-only', 'append an event that corrects it; see artifactstore.append_json'),
    ('direct-write', 'ST048', 'views are written by projectors only', 'append an event; see artifactstore.append_json'),
    ('log-damaged', 'ST050', 'the log is damaged', 'run artifactstore verify; restore the log from a backup'),
    ('stale-views', 'ST051', 'the live views were made by other projectors than those installed', 'run artifactstore replay, then repeat'),
    ('no-such-view-set', 'ST052', 'no such snapshot or past is stored', 'SELECT schema_name FROM artifactstore.view_sets'),
    ('view-set-in-use', 'ST053', 'the view set cannot be dropped: others use its schema', 'drop what depends on it first (\d+ in psql shows it)'),
    ('schema-taken', 'ST054', 'a schema of this name exists', 'choose another name, or drop what artifactstore made: artifactstore snapshot drop'),
    ('no-continuation', 'ST055', 'the import does not belong at the end of this log', 'an export from event 1 goes into an empty log; a later part goes where the same log ends: artifactstore export --from N+1'),
    ('moved', 'ST063', 'this database is not the home of the log', 'was it moved here on purpose and lost nothing: artifactstore adopt; is it behind what followers saw: artifactstore restored --reason ...; is it a copy to look at: leave it'),
    ('bad-view-set', 'ST068', 'the snapshot cannot be used', 'replay the whole log, then make a new snapshot')
), upserted AS (
    INSERT INTO artifactstore.error_codes AS t (name, sqlstate, message, hint)
    SELECT name, sqlstate, message, hint FROM codes
    ON CONFLICT (name) DO UPDATE SET sqlstate = excluded.sqlstate, message = excluded.message, hint = excluded.hint
    RETURNING t.name
)
DELETE FROM artifactstore.error_codes t WHERE NOT EXISTS (SELECT FROM codes c WHERE c.name = t.name);
