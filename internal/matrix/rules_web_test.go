package matrix

// webRules are about pages.
var webRules = []rule{
	// Pages about nobody.
	about(`web \w+ /(\{\$\}|login|logout|setup|join|password_reset)`, everybody, "", false),
	about(`web \w+ /\{owner\}`, everybody, "", false),
	about(`web GET /avatars/.*`, everybody, "", false),

	// Pages about oneself.
	about(`web \w+ /sessions/sudo`, signedIn, "", false),
	about(`web \w+ /new`, signedIn, "", false),
	about(`web POST /settings/(profile|appearance)`, signedIn, "", false),
	about(`web POST /settings/emails/confirm`, signedIn, "", false), // the link is a proof of its own
	about(`web POST /settings/.*`, signedIn, "", true),
	about(`web GET /settings/(tokens|personal-access-tokens)/(new|revoke_all|\{token\}/(regenerate|rotate))`, signedIn, "", true),
	about(`web GET /settings/(admin/delete|hooks/new|hooks/\{hook\}/delete)`, signedIn, "", true),
	about(`web GET /settings(/.*)?`, signedIn, "", false),

	// Pages about the site.
	about(`web \w+ /admin(/.*)?`, siteManager, "", true),

	// Pages about a repository.
	about(`web \w+ /\{owner\}/\{repo\}/leave`, member, "", false),
	about(`web \w+ /\{owner\}/\{repo\}/(fork|generate)`, borrower, "", false),
	about(`web \w+ /\{owner\}/\{repo\}/settings/(visibility|transfer|delete)`, manager, "", true),
	about(`web \w+ /\{owner\}/\{repo\}/settings(/.*)?`, manager, "", false),
	about(`web GET /\{owner\}/\{repo\}(/.*)?`, reader, "", false),
}
