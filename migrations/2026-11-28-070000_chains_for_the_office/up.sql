-- Where every chain of the district stands, for whoever manages people: numbers and hashes, which say nothing of what is in them. An
-- administrator reads no school's bucket, and still may carry an anchor away.
CREATE FUNCTION lock_chains() RETURNS TABLE (id text, head bigint, chain bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, duxing_derives, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF lock_work() = 'office' THEN
        RETURN QUERY SELECT b.id, b.head, b.chain FROM bucket b WHERE b.district_id = lock_district() ORDER BY b.id;
    END IF;
END $$;
REVOKE ALL ON FUNCTION lock_chains FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_chains TO duxing_server;
