-- What tokens have used up of their budgets. path names whose budget it is: empty
-- the token's own, else that of a token that was narrowed out of it, by the numbers
-- of all steps with slashes between them.
CREATE TABLE token_budgets (
	token_id {{bigint}} NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
	path     TEXT NOT NULL,
	uses     {{bigint}} NOT NULL DEFAULT 0,
	bytes    {{bigint}} NOT NULL DEFAULT 0,
	PRIMARY KEY (token_id, path)
);
