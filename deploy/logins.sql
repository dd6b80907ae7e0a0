-- The logins of compose.yaml, made with a new database: who migrates, and who serves.
\set ON_ERROR_STOP on
\set deployer `cat /run/secrets/deployer`
\set artifactstore `cat /run/secrets/artifactstore`

CREATE ROLE deployer LOGIN CREATEROLE PASSWORD :'deployer';
CREATE ROLE artifactstore LOGIN PASSWORD :'artifactstore';
ALTER DATABASE registry OWNER TO deployer;
