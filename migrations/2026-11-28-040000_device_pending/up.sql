-- How many pieces of this person's work were only on this device when it last asked for news, as the device said.
ALTER TABLE device ADD COLUMN pending integer NOT NULL DEFAULT 0 CHECK (pending >= 0);
