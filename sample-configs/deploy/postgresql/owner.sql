-- Gives the tables to a role that nobody logs in as, and teamsrelay what it needs
-- to work with them. By itself it owns them, and whoever has its password could
-- take the audit's protection away and then change it. After this they cannot.
--
-- As an administrator, once teamsrelay has made its tables, and after every
-- upgrade (../../security.md says what comes before one); while it runs is fine:
--
--   sudo -u postgres psql --single-transaction --set=ON_ERROR_STOP=1 --file=owner.sql teamsrelay
--
-- It is for a database of teamsrelay's own and its tables in the schema public;
-- the login role is called teamsrelay. Change the names here if yours are others.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'teamsrelay_owner') THEN
        CREATE ROLE teamsrelay_owner NOLOGIN;
    END IF;
END
$$;

-- The tables, the functions of their triggers, and the database if it is its own.
REASSIGN OWNED BY teamsrelay TO teamsrelay_owner;

-- Nothing of its own beside them either: a function could stand in for another.
REVOKE CREATE ON SCHEMA public FROM PUBLIC, teamsrelay;
GRANT USAGE ON SCHEMA public TO teamsrelay;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO teamsrelay;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO teamsrelay;

-- Lines of the audit are written and read. Those that are older than a year go,
-- which is what DELETE and the right to lock (UPDATE of the number, which nobody
-- can choose) are for; the trigger refuses anything else.
REVOKE UPDATE ON audit FROM teamsrelay;
GRANT UPDATE (id) ON audit TO teamsrelay;

-- Only who migrates writes down which migrations there were.
REVOKE INSERT, UPDATE, DELETE ON goose_db_version FROM teamsrelay;
