-- How often this person's copy on this device did not match its checksum and was mended, as the device last said.
ALTER TABLE device ADD COLUMN mended integer NOT NULL DEFAULT 0 CHECK (mended >= 0);
