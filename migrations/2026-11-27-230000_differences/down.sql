DROP TABLE presence;
ALTER TABLE response DROP COLUMN removed;
DROP TABLE difference;
