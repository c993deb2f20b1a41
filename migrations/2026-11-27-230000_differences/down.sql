DROP INDEX change_group_copies;
DROP TABLE presence;
ALTER TABLE visit DROP COLUMN removed;
ALTER TABLE response DROP COLUMN removed;
DROP TABLE difference;
