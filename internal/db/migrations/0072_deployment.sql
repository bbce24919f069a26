-- Deployments of commits and what became of them. state is the last status's, and
-- empty before there is one.
CREATE TABLE deployments (
	id                   {{id}},
	repo_id              {{bigint}} NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
	sha                  TEXT       NOT NULL,
	ref                  TEXT       NOT NULL,
	task                 TEXT       NOT NULL,
	payload              TEXT       NOT NULL,
	original_environment TEXT       NOT NULL,
	environment          TEXT       NOT NULL,
	description          TEXT       NOT NULL,
	transient            BOOLEAN    NOT NULL,
	production           BOOLEAN    NOT NULL,
	creator_id           {{bigint}} NOT NULL,
	state                TEXT       NOT NULL,
	created_at           {{bigint}} NOT NULL,
	updated_at           {{bigint}} NOT NULL
);

CREATE INDEX deployments_repo ON deployments (repo_id, environment, id);

CREATE TABLE deployment_statuses (
	id              {{id}},
	deployment_id   {{bigint}} NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
	state           TEXT       NOT NULL,
	description     TEXT       NOT NULL,
	environment     TEXT       NOT NULL,
	log_url         TEXT       NOT NULL,
	environment_url TEXT       NOT NULL,
	creator_id      {{bigint}} NOT NULL,
	created_at      {{bigint}} NOT NULL
);

CREATE INDEX deployment_statuses_deployment ON deployment_statuses (deployment_id, id);
