-- What narrows a token beside its scopes or permissions: a list in JSON of texts,
-- each a name and its values with line feeds between them.
ALTER TABLE tokens ADD COLUMN limits TEXT NOT NULL DEFAULT '';
