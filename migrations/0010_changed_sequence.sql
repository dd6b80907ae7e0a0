-- A row tells which event changed it last, and replays say whether the views were doubted before.
-- depends: 0007_append_commands

DROP FUNCTION IF EXISTS artifactstore.replay(text);
