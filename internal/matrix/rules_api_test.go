package matrix

// apiRules are about the API.
var apiRules = []rule{
	about(`graphql POST /api/graphql`, signedIn, "", false),
	about(`rest GET /api/v3/(\{\$\}|meta|rate_limit|openapi.json|users/.*)`, everybody, "", false),
	about(`rest POST /api/v3/user/token/rotate`, signedIn, "itself", false),
	about(`rest GET /api/v3/user/emails`, signedIn, "user:email", false),
	about(`rest GET /api/v3/user(/repos|/token/explain)?`, signedIn, "", false),
	about(`rest PATCH /api/v3/user`, signedIn, "user", false),
	about(`rest POST /api/v3/user/repos`, signedIn, "public_repo", false),
	about(`rest DELETE /api/v3/repos/\{owner\}/\{repo\}`, manager, "delete_repo", false),
	about(`rest GET /api/v3/repos/.*`, reader, "repo to read", false),
	about(`rest \w+ /api/v3/repos/.*`, manager, "repo", false),
}
