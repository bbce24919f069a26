package matrix

// statusRules are about statuses of commits: repo:status gives them, and nothing
// else of a private repository.
var statusRules = []rule{
	about(`rest POST /api/v3/repos/\{owner\}/\{repo\}/statuses/\{sha\}`, writer, "repo:status", false),
	about(`rest GET /api/v3/repos/\{owner\}/\{repo\}/commits/\{ref\}/status(es)?`, reader, "repo:status to read", false),
}
