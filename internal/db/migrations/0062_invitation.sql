-- Invitations to collaborate on a repository, and offers of one to a new owner:
-- level is 0 for an offer. A row goes when it is answered, withdrawn or out of
-- date.
CREATE TABLE repo_invitations (
	id         {{id}},
	repo_id    {{bigint}} NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
	account_id {{bigint}} NOT NULL REFERENCES accounts (id),
	level      {{bigint}} NOT NULL,
	invited_by {{bigint}} NOT NULL,
	new_name   TEXT       NOT NULL,
	created_at {{bigint}} NOT NULL,
	UNIQUE (repo_id, account_id)
);

CREATE INDEX repo_invitations_account ON repo_invitations (account_id);

CREATE INDEX repo_invitations_by ON repo_invitations (invited_by);
