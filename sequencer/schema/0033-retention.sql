-- A clock that has jumped ahead drops nothing. Ids follow a jump slowly (the sequencer's --clock-step), so the newest one tells the
-- log's own time, and what is dropped is older than the retention by both.

CREATE OR REPLACE FUNCTION cellcast.drop_partitions(retention interval, OUT dropped integer, OUT held integer) LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    v_newest bigint := (SELECT max(s.last_id) FROM cellcast.shard s);
    v_limit bigint := least(cellcast.id_floor(clock_timestamp() - retention),
                            v_newest - ((extract(epoch FROM retention) * 1000)::bigint << 21));
    v_name text;
BEGIN
    dropped := 0;
    held := 0;
    FOR v_name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'cellcast.message'::regclass AND c.relname ~ '^message_\d{8}$'
            AND ((to_date(right(c.relname, 8), 'YYYYMMDD') + 1 - date '2024-01-01')::bigint * 86400000) << 21 <= v_limit
        ORDER BY c.relname
    LOOP
        IF cellcast.partition_is_wanted(v_name) THEN
            held := held + 1;
        ELSE
            EXECUTE format('DROP TABLE cellcast.%I', v_name);
            dropped := dropped + 1;
        END IF;
    END LOOP;
END $$;
