-- When a secret was made that a rotation took out of its token (0: that is not known):
-- policies ask how long a secret lives, and the one that is in its place is younger.
ALTER TABLE token_secrets ADD COLUMN made_at {{bigint}} NOT NULL DEFAULT 0;
