-- Fine-grained tokens (kind 4), and tokens of applications that were narrowed to
-- some repositories: permissions as "contents=read,metadata=read", and on which
-- of the owner's repositories they hold (access: 0 wherever the account may do
-- something, 1 none, 2 all, 3 those whose numbers stand in repos, with commas).
-- parent_id is the token from which one was narrowed: it ends with it.
ALTER TABLE tokens ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN permissions TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN access {{bigint}} NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN owner_id {{bigint}} NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN repos TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN parent_id {{bigint}} NOT NULL DEFAULT 0;
CREATE INDEX tokens_parent ON tokens (parent_id, id) WHERE revoked_at = 0 AND parent_id <> 0;
CREATE UNIQUE INDEX tokens_name ON tokens (account_id, note) WHERE revoked_at = 0 AND kind = 4;
CREATE INDEX tokens_owner ON tokens (owner_id, id) WHERE revoked_at = 0 AND owner_id <> 0;
