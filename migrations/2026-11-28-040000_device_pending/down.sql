ALTER TABLE device DROP COLUMN pending;
