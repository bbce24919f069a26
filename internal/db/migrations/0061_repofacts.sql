-- What else a repository says of itself. topics are words with a space before
-- and after each, so that one of them is found by itself; empty for none.
ALTER TABLE repositories ADD COLUMN homepage TEXT NOT NULL DEFAULT '';

ALTER TABLE repositories ADD COLUMN topics TEXT NOT NULL DEFAULT '';

ALTER TABLE repositories ADD COLUMN is_template BOOLEAN NOT NULL DEFAULT FALSE;

-- An organisation's private repository that who reads it may not fork.
ALTER TABLE repositories ADD COLUMN no_forking BOOLEAN NOT NULL DEFAULT FALSE;

-- What a repository was made from as a template; 0 is nothing.
ALTER TABLE repositories ADD COLUMN template_of {{bigint}} NOT NULL DEFAULT 0;

CREATE INDEX repositories_template ON repositories (template_of) WHERE template_of <> 0;
