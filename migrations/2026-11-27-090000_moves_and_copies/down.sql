DROP TABLE departure;
ALTER TABLE change_group DROP COLUMN copy_of;
ALTER TABLE change_group DROP CONSTRAINT change_group_moved;
ALTER TABLE change_group DROP COLUMN moved_chain;
ALTER TABLE change_group DROP COLUMN moved_seq;
ALTER TABLE change_group DROP COLUMN moved_to;
