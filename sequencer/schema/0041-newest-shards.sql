-- What asks each second, at each look of a standby, and at each takeover where the shards stand finds them by the highest era as well
-- (0036). By the number of the shard alone all versions of its rows were walked that PostgreSQL keeps beside a long transaction: after
-- an hour of a dump a takeover took seconds instead of milliseconds, a standby did nothing else, and lookups waited behind it.

CREATE OR REPLACE FUNCTION cellcast.free_shards(p_shards smallint[], p_holder bigint, p_spared bigint[]) RETURNS smallint[]
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT array(
    SELECT s.shard FROM unnest(p_shards) w(shard),
        LATERAL (SELECT * FROM cellcast.shard c WHERE c.shard = w.shard ORDER BY c.era DESC LIMIT 1) s
    WHERE s.holder = p_holder OR NOT cellcast.is_spared(s.holder, p_spared) OR NOT EXISTS (
        SELECT FROM pg_stat_activity a WHERE a.pid = s.pid AND a.backend_start = s.backend_start)
    ORDER BY s.shard)
$$;

-- As before (0007), but for how rows are found.
CREATE OR REPLACE FUNCTION cellcast.take_over(p_shards smallint[], p_holder bigint, p_spared bigint[], p_synchronous boolean)
    RETURNS TABLE (shard smallint, epoch bigint, leader_term bigint, batch bigint, last_id bigint, undisturbed boolean,
                   identity text, clock_ms bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_system bigint := (SELECT system_identifier FROM pg_control_system());
    v_timeline integer := cellcast.timeline();
    v_epoch bigint;
    v_free smallint[];
BEGIN
    PERFORM pg_terminate_backend(a.pid)
    FROM (SELECT DISTINCT s.pid, s.backend_start FROM unnest(p_shards) w(shard),
              LATERAL (SELECT * FROM cellcast.shard c WHERE c.shard = w.shard ORDER BY c.era DESC LIMIT 1) s
          WHERE s.holder = p_holder OR NOT cellcast.is_spared(s.holder, p_spared)) old
        JOIN pg_stat_activity a ON a.pid = old.pid AND a.backend_start = old.backend_start
    WHERE a.pid <> pg_backend_pid();

    -- Twice: unlocked, so that one who waits does not disturb the leader, and again behind the locks.
    v_free := cellcast.free_shards(p_shards, p_holder, p_spared);
    IF cardinality(v_free) = 0 THEN
        RETURN;
    END IF;
    PERFORM FROM unnest(v_free) w(shard),
        LATERAL (SELECT FROM cellcast.shard c WHERE c.shard = w.shard ORDER BY c.era DESC LIMIT 1 FOR UPDATE) s;
    PERFORM pg_stat_clear_snapshot();
    v_free := cellcast.free_shards(v_free, p_holder, p_spared);

    -- Once, however many take over: who comes second waits for the row and finds it changed.
    UPDATE cellcast.log l
    SET epoch = CASE WHEN p_synchronous AND l.system_identifier = v_system THEN l.epoch
                     ELSE greatest(l.epoch + 1, extract(epoch FROM clock_timestamp())::bigint) END,
        system_identifier = v_system, timeline = v_timeline
    WHERE (l.system_identifier, l.timeline) <> (v_system, v_timeline);
    SELECT l.epoch INTO v_epoch FROM cellcast.log l;

    RETURN QUERY
    UPDATE cellcast.shard s
    SET leader_term = s.leader_term + 1, epoch = v_epoch, holder = p_holder, pid = pg_backend_pid(),
        backend_start = (SELECT a.backend_start FROM pg_stat_activity a WHERE a.pid = pg_backend_pid())
    FROM unnest(v_free) w(shard),
        LATERAL (SELECT * FROM cellcast.shard c WHERE c.shard = w.shard ORDER BY c.era DESC LIMIT 1) old
    WHERE s.shard = old.shard AND s.era = old.era
    RETURNING s.shard, s.epoch, s.leader_term, s.batch, s.last_id, old.holder IS NOT DISTINCT FROM p_holder,
        v_system || '/' || v_timeline, (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
END $$;

CREATE OR REPLACE FUNCTION cellcast.hand_over(p_shards smallint[], p_holder bigint, p_to bigint, p_to_pid integer)
    RETURNS smallint[] LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_given smallint[];
BEGIN
    PERFORM FROM unnest(p_shards) w(shard),
        LATERAL (SELECT FROM cellcast.shard c WHERE c.shard = w.shard ORDER BY c.era DESC LIMIT 1 FOR UPDATE) s;
    PERFORM pg_stat_clear_snapshot();
    WITH given AS (
        UPDATE cellcast.shard s
        SET leader_term = s.leader_term + 1, holder = p_to, pid = a.pid, backend_start = a.backend_start
        FROM unnest(p_shards) w(shard),
            LATERAL (SELECT * FROM cellcast.shard c WHERE c.shard = w.shard ORDER BY c.era DESC LIMIT 1) old,
            pg_stat_activity a
        WHERE s.shard = old.shard AND s.era = old.era AND s.holder = p_holder
            AND a.pid = p_to_pid AND a.datname = current_database()
        RETURNING s.shard)
    SELECT coalesce(array_agg(g.shard ORDER BY g.shard), '{}') INTO v_given FROM given g;
    RETURN v_given;
END $$;

-- It asks for the newest id.
DO $$
BEGIN
    EXECUTE replace(pg_get_functiondef('cellcast.drop_partitions(interval)'::regprocedure), '(SELECT max(s.last_id) FROM cellcast.shard s)',
                    '(SELECT max(s.last_id) FROM generate_series(0::smallint, 63) w(shard), '
                    'LATERAL (SELECT * FROM cellcast.shard c WHERE c.shard = w.shard ORDER BY c.era DESC LIMIT 1) s)');
END $$;
