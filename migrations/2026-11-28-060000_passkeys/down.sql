DROP POLICY derives ON second_factor;
DROP FUNCTION lock_has_factor;
DROP TABLE passkey_challenge;
DROP TABLE passkey;
