DROP FUNCTION lock_chains;
