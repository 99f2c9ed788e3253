-- Roles, schemas and default privileges.  Run once by an administrator in
-- each platform's database, before the first migration; again is harmless.
--
--   zwfw_owner    owns schemas and tables, migrates
--   zwfw_citizen  functions that see the rows of the asking person
--   zwfw_staff    functions that see the rows of the asking person's body
--   zwfw_system   functions that see all rows: login, jobs, public query
--   zwfw_web      nginx: may execute functions and nothing else

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['zwfw_owner', 'zwfw_citizen', 'zwfw_staff',
                                'zwfw_system', 'zwfw_web']
    LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I', name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;               -- another database of this cluster has it
        END;
    END LOOP;

    FOREACH name IN ARRAY ARRAY['zwfw_citizen', 'zwfw_staff', 'zwfw_system']
    LOOP
        IF NOT pg_has_role('zwfw_owner', name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO zwfw_owner', name);
        END IF;
    END LOOP;

    IF NOT pg_has_role('zwfw_owner', 'MEMBER') THEN
        EXECUTE format('GRANT zwfw_owner TO %I', current_user);
    END IF;

    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC',
                   current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO zwfw_web',
                   current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO zwfw_owner',
                   current_database());
END $$;

ALTER ROLE zwfw_web LOGIN;
ALTER ROLE zwfw_web SET statement_timeout = '5s';
ALTER ROLE zwfw_web SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE zwfw_web SET timezone = 'Asia/Shanghai';
ALTER ROLE zwfw_web SET jit = off;

REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE SCHEMA IF NOT EXISTS zwfw AUTHORIZATION zwfw_owner;
CREATE SCHEMA IF NOT EXISTS api AUTHORIZATION zwfw_owner;

GRANT USAGE ON SCHEMA zwfw, api
    TO zwfw_web, zwfw_citizen, zwfw_staff, zwfw_system;

-- whoever is to own a function must be allowed to create one

GRANT CREATE ON SCHEMA zwfw, api TO zwfw_citizen, zwfw_staff, zwfw_system;

-- before the first function: nobody may execute what is not granted

ALTER DEFAULT PRIVILEGES FOR ROLE zwfw_owner
    REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE zwfw_owner IN SCHEMA api
    GRANT EXECUTE ON FUNCTIONS TO zwfw_web, zwfw_system;
ALTER DEFAULT PRIVILEGES FOR ROLE zwfw_owner IN SCHEMA zwfw
    GRANT EXECUTE ON FUNCTIONS TO zwfw_citizen, zwfw_staff, zwfw_system;
