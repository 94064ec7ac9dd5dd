-- Who may do what, and what the log is read by.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA cellcast FROM PUBLIC;

-- Roles belong to the server, not to the database: another database may have made it, and a migration without
-- CREATEROLE leaves it to somebody who has it.
DO $$
BEGIN
    CREATE ROLE cellcast_publisher NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'role cellcast_publisher is missing and this role may not make it';
END $$;
DO $$
BEGIN
    GRANT USAGE ON SCHEMA cellcast TO cellcast_publisher;
    GRANT EXECUTE ON FUNCTION cellcast.publish(text, json, json, text[], text) TO cellcast_publisher;
EXCEPTION
    WHEN undefined_object THEN
        NULL;
END $$;

CREATE PUBLICATION cellcast FOR TABLE cellcast.message WITH (publish = 'insert', publish_via_partition_root = true);
-- Only wakes the sequencer, which then reads the rows.
CREATE PUBLICATION cellcast_outbox FOR TABLE cellcast.outbox (id, shard) WITH (publish = 'insert');
