package matrix

import "jeton/internal/application"

// oauthRules are about programs that people let act for them.
var oauthRules = []rule{
	// Where programs get their tokens.
	about(`oauth POST /login/(oauth/access_token|device/code)`, everybody, "", false),

	// Where people let them in.
	about(`web \w+ /login/(oauth/authorize|device|device/confirmation)`, signedIn, "", true),
	about(`web GET /login/device/(success|failure)`, signedIn, "", false),

	// An organisation's own programs are its owners'.
	about(`web POST /organizations/\{org\}/settings/applications(/.*)?`, orgOwner, "", true),

	// What programs ask with their own id and secret: no token is one.
	about(`rest \w+ /api/v3/applications/.*`, signedIn, "application", false),

	// Whoever finds a token may hand it in.
	about(`rest POST /api/v3/credentials/revoke`, everybody, "", false),
}

var oauthFixtures = map[string]fixture{
	"oauth POST /login/device/code":       {reached: status(404)}, // of no application that is known
	"web GET /login/oauth/authorize":      {query: "client_id=" + application.GitHubCLI + "&redirect_uri=http://127.0.0.1:1/"},
	"web POST /login/oauth/authorize":     {form: "client_id=" + application.GitHubCLI + "&redirect_uri=http://127.0.0.1:1/"},
	"web POST /login/device":              {reached: formAgain(429, "user_code")},
	"web POST /login/device/confirmation": {reached: status(429)},
}
