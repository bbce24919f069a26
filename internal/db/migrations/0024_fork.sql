-- What a repository was forked from; 0 is nothing. It is no foreign key: a fork
-- outlives its origin, whose deletion sets it to 0.
ALTER TABLE repositories ADD COLUMN fork_of {{bigint}} NOT NULL DEFAULT 0;

CREATE INDEX repositories_fork ON repositories (fork_of) WHERE fork_of <> 0;
