-- A role per process to be granted to the logins that connect, as cellcast_publisher is to applications': each may do what its
-- process needs. What stands here is granted at each --migrate (grant_rights), since the roles are the server's: somebody else may
-- have to make them, and a dump of the database does not bring them. Whoever adds what a process asks PostgreSQL adds it here.

-- p_privileges: on tables, or EXECUTE on all functions of these names
CREATE OR REPLACE FUNCTION cellcast.rights(OUT role text, OUT privileges text, OUT names text[]) RETURNS SETOF record LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp AS $$
VALUES
    ('cellcast_publisher', 'EXECUTE', '{publish,history_remove}'::text[]),
    -- REPLICATION besides; two sequencers have the same login, or can't tell whether the other one's backends live
    ('cellcast_sequencer', 'EXECUTE', '{timeline,identity,is_spared,free_shards,take_over,hand_over,commit_batch,id_day,id_floor,partition_name,
        add_partition,add_partitions,drop_partitions,sweep,removed_is_wanted,sweep_removed,outbox_read,outbox_bury,outbox_state,
        publish_quotas,weights,config_version}'),
    ('cellcast_sequencer', 'SELECT, UPDATE', '{log,shard,history_floor}'),
    ('cellcast_sequencer', 'SELECT, INSERT, UPDATE', '{channel_head}'),
    ('cellcast_sequencer', 'SELECT, INSERT, DELETE', '{message,receipt}'),
    ('cellcast_sequencer', 'SELECT, INSERT, UPDATE, DELETE', '{idempotency}'),
    ('cellcast_sequencer', 'SELECT, DELETE', '{outbox,relay_progress}'),
    ('cellcast_sequencer', 'SELECT, INSERT', '{outbox_dead}'),
    ('cellcast_sequencer', 'SELECT', '{cell,tenant_cell}'),
    -- REPLICATION besides, and pg_monitor where commits wait for standbys
    ('cellcast_relay', 'EXECUTE', '{config_version}'),
    ('cellcast_relay', 'SELECT', '{message,shard,cell,tenant_cell,lane}'),
    ('cellcast_relay', 'SELECT, INSERT, UPDATE', '{relay_progress}'),
    -- a supervisor, and its workers, which get its conninfo
    ('cellcast_cell', 'EXECUTE', '{config,config_version,cell_starts,cell_confirms,cell_left,weights,webhook_tell,webhook_held_page}'),
    ('cellcast_cell', 'SELECT', '{message,shard,channel_head,history_floor,relay_progress}'),
    ('cellcast_webhooks', 'EXECUTE', '{webhook_lease,webhook_release,webhook_waiting,webhook_read,webhook_taken,webhook_failed,webhook_trim}')
$$;

-- Makes the roles that are not there, and grants; what is granted already stays. -> a line for each role that is missing and that
-- this role may not make, with what has to be done
CREATE OR REPLACE FUNCTION cellcast.grant_rights() RETURNS SETOF text LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_role text;
    v_right record;
    v_function regprocedure;
BEGIN
    LOCK TABLE cellcast.migration IN EXCLUSIVE MODE; -- two at once would update the same rows of the catalog
    FOR v_role IN SELECT DISTINCT r.role FROM cellcast.rights() r ORDER BY 1 LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles p WHERE p.rolname = v_role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', v_role);
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database's migration has made it just now
            WHEN insufficient_privilege THEN
                RETURN NEXT format('role %I is missing, and %I may not make it: let an administrator say CREATE ROLE %1$I NOLOGIN; then --migrate again',
                                   v_role, current_user);
                CONTINUE;
        END;
        EXECUTE format('GRANT USAGE ON SCHEMA cellcast TO %I', v_role);
        FOR v_right IN SELECT r.privileges, r.names FROM cellcast.rights() r WHERE r.role = v_role LOOP
            IF v_right.privileges = 'EXECUTE' THEN
                FOR v_function IN SELECT p.oid::regprocedure FROM pg_proc p
                                  WHERE p.pronamespace = 'cellcast'::regnamespace AND p.proname = ANY (v_right.names) LOOP
                    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', v_function, v_role);
                END LOOP;
            ELSE
                EXECUTE format('GRANT %s ON %s TO %I', v_right.privileges,
                               (SELECT string_agg(format('cellcast.%I', n), ', ') FROM unnest(v_right.names) n), v_role);
            END IF;
        END LOOP;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION cellcast.rights(), cellcast.grant_rights() FROM PUBLIC;

-- Whoever may call these needs no right to what they read, or make. Since 0036 config_version() asked for one to config_state, which
-- relays and supervisors of the documented rights do not have; they went round and round on `permission denied`. Whoever replaces one of
-- them says SECURITY DEFINER again: CREATE OR REPLACE takes it away.
ALTER FUNCTION cellcast.config_version() SECURITY DEFINER;
ALTER FUNCTION cellcast.publish_quotas() SECURITY DEFINER;
ALTER FUNCTION cellcast.add_partition(integer) SECURITY DEFINER;
ALTER FUNCTION cellcast.drop_partitions(interval) SECURITY DEFINER;

-- Regular expressions without a backslash: where standard_conforming_strings is off, for the session that publishes or, in a body that is
-- parsed at once, for the one that migrated, it was lost, and channels like $chat:x had another namespace.
DO $$
DECLARE
    v_function oid;
    v_text text;
BEGIN
    FOR v_function IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'cellcast'::regnamespace AND p.prokind = 'f'
                      AND p.proname IN ('plain_row', 'check_data', 'check_namespace', 'full_after', 'drop_partitions') LOOP
        v_text := pg_get_functiondef(v_function);
        v_text := replace(replace(v_text, E'^\\\\$?', '^[$]?'), E'^\\$?', '^[$]?');
        v_text := replace(replace(v_text, '^$?', '^[$]?'), E'\\d', '[0-9]');
        EXECUTE v_text;
    END LOOP;
END $$;
