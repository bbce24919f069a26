-- Organisations: accounts that people share. The account's row has the login
-- and the profile; what only an organisation has is here.

-- base_level is what every member may do on each of its repositories.
CREATE TABLE orgs (
	account_id     {{bigint}} PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
	contact        TEXT       NOT NULL,
	base_level     {{bigint}} NOT NULL,
	create_public  BOOLEAN    NOT NULL,
	create_private BOOLEAN    NOT NULL,
	changed_at     {{bigint}} NOT NULL
);

-- Who belongs to an organisation, and whom it has invited: state is 0 for an
-- invitation and 1 for a member; role is 1 for a member and 2 for an owner.
CREATE TABLE org_members (
	id         {{id}},
	org_id     {{bigint}} NOT NULL REFERENCES orgs (account_id) ON DELETE CASCADE,
	account_id {{bigint}} NOT NULL REFERENCES accounts (id),
	role       {{bigint}} NOT NULL,
	state      {{bigint}} NOT NULL,
	shown      BOOLEAN    NOT NULL,
	invited_by {{bigint}} NOT NULL,
	created_at {{bigint}} NOT NULL,
	UNIQUE (org_id, account_id)
);

CREATE INDEX org_members_account ON org_members (account_id, org_id);

CREATE TABLE teams (
	id          {{id}},
	org_id      {{bigint}} NOT NULL REFERENCES orgs (account_id) ON DELETE CASCADE,
	name        TEXT       NOT NULL,
	slug        TEXT       NOT NULL,
	description TEXT       NOT NULL,
	secret      BOOLEAN    NOT NULL,
	created_at  {{bigint}} NOT NULL,
	updated_at  {{bigint}} NOT NULL,
	UNIQUE (org_id, slug)
);

-- A row counts only beside an active membership of the organisation. role is 1
-- for a member and 2 for a maintainer.
CREATE TABLE team_members (
	team_id    {{bigint}} NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
	account_id {{bigint}} NOT NULL REFERENCES accounts (id),
	role       {{bigint}} NOT NULL,
	PRIMARY KEY (team_id, account_id)
);

CREATE INDEX team_members_account ON team_members (account_id, team_id);

-- A row counts only as long as the repository is the organisation's.
CREATE TABLE team_repos (
	team_id {{bigint}} NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
	repo_id {{bigint}} NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
	level   {{bigint}} NOT NULL,
	PRIMARY KEY (team_id, repo_id)
);

CREATE INDEX team_repos_repo ON team_repos (repo_id, team_id);
