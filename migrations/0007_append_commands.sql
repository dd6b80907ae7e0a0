-- Taking the lock ahead of append was for what append_commands now does in one call.
-- depends: 0006_home

DROP FUNCTION IF EXISTS artifactstore.hold_log();
