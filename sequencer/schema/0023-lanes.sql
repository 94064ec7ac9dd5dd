-- Channels with a partition of their own, in every cell that hosts the tenant (decision 0022). apply() leaves them alone: they
-- are given and taken while everything runs.

CREATE TABLE cellcast.lane (
    channel text COLLATE "C" PRIMARY KEY, -- tenant/name
    tenant text COLLATE "C" NOT NULL REFERENCES cellcast.tenant ON DELETE CASCADE,
    lane smallint NOT NULL CHECK (lane BETWEEN 1 AND 64)
);
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON cellcast.lane
    FOR EACH ROW EXECUTE FUNCTION cellcast.config_changed();

-- 0: none from now on. -> the channel in full form
CREATE FUNCTION cellcast.set_lane(channel text, lane integer) RETURNS text LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_full text := cellcast.full_channel(channel);
    v_lane ALIAS FOR lane;
BEGIN
    PERFORM FROM cellcast.config_state FOR UPDATE;
    IF v_lane IS NULL OR v_lane NOT BETWEEN 0 AND 64 THEN
        PERFORM cellcast.refuse_config('a lane is a number from 1 to 64, or 0: none');
    END IF;
    IF split_part(v_full, '/', 1) = 'cellcast' THEN
        PERFORM cellcast.refuse_config('tenant cellcast is reserved');
    END IF;
    DELETE FROM cellcast.lane l WHERE l.channel = v_full AND l.lane <> v_lane;
    IF v_lane > 0 AND (SELECT count(*) >= 1000 FROM cellcast.lane) THEN
        PERFORM cellcast.refuse_config('1000 channels have a lane; more are not taken');
    END IF;
    INSERT INTO cellcast.lane (channel, tenant, lane)
        SELECT v_full, split_part(v_full, '/', 1), v_lane WHERE v_lane > 0
        ON CONFLICT DO NOTHING;
    RETURN v_full;
END $$;
REVOKE ALL ON FUNCTION cellcast.set_lane(text, integer) FROM PUBLIC;
