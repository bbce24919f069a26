package account

import (
	"strings"

	"jeton/internal/problem"
)

// MaxLogin is how long a login may be.
const MaxLogin = 39

// CheckLogin reports whether login may be given to an account: GitHub's
// grammar (ASCII letters, digits and single hyphens, no hyphen at either end,
// at most 39), and no name that routes need for themselves. Whether somebody
// has it already is another question.
func CheckLogin(login string) error {
	switch {
	case login == "":
		return problem.Field("login", "Username can't be blank")
	case len(login) > MaxLogin:
		return problem.Field("login", "Username is too long (maximum is 39 characters)")
	case !wellFormed(login):
		return problem.Field("login", "Username may only contain alphanumeric characters or single hyphens, and cannot begin or end with a hyphen")
	case Reserved(login):
		return problem.Field("login", "Username is a reserved word")
	}
	return nil
}

func wellFormed(login string) bool {
	hyphen := true // a hyphen may not come first
	for i := range len(login) {
		c := login[i]
		switch {
		case c == '-' && hyphen:
			return false
		case c == '-':
			hyphen = true
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			hyphen = false
		default:
			return false
		}
	}
	return !hyphen
}

// key is the form of a login or an e-mail address in which it is unique. It
// folds ASCII alone: a login holds nothing else, and folding more in an address
// would let two that a mail server tells apart stand for each other.
func key(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// EmailKey is the form in which an e-mail address is unique, and compared.
func EmailKey(address string) string { return key(address) }

// Reserved reports whether name, in any case, belongs to the program: it is or
// may become the first segment of a route, or would be mistaken for something
// official. It is the one list for sign-up and for the splitting of URLs.
func Reserved(name string) bool {
	// What routes need or may need, and what would be mistaken for something
	// official. The compiler makes a search by length and letters of it.
	switch strings.ToLower(name) {
	case "about", "access", "account", "accounts", "actions", "activate", "activity", "admin", "administrator",
		"admins", "advisories", "anonymous", "api", "app", "apple-touch-icon", "apple-touch-icon.png", "apps",
		"archive", "archives", "articles", "asset", "assets", "attachments", "auth", "authorize", "avatar",
		"avatars", "badge", "badges", "billing", "blob", "blog", "boards", "bounty", "branches", "browse", "ca",
		"cache", "captcha", "changelog", "cli", "client", "clone", "codespaces", "collaborators", "collections",
		"comments", "commit", "commits", "community", "compare", "confirm", "confirm-access", "contact",
		"contributing", "cookbook", "copilot", "customer", "customers", "dashboard", "dashboard-feed", "debug",
		"deploy", "design", "developer", "developers", "device", "devices", "diff", "diffs", "discover",
		"discussions", "docs", "documentation", "domains", "download", "downloads", "edit", "editor", "education",
		"email", "emails", "emoji", "emojis", "enterprise", "error", "errors", "events", "explore", "faq", "favicon",
		"favicon.ico", "favicon.svg", "features", "feed", "feedback", "feeds", "files", "fixtures", "follow",
		"followers", "following", "forgot", "forgot-password", "fork", "forks", "garage", "ghost", "gist", "gists",
		"git", "github-copilot", "global", "graphiql", "graphql", "graphs", "groups", "guest", "guests", "guide",
		"guides", "head", "health", "healthz", "help", "help-wanted", "home", "hook", "hooks", "hosting",
		"humans.txt", "icon", "icons", "identity", "images", "import", "imports", "inbox", "individual", "info",
		"install", "installations", "integrations", "internal", "invitation", "invitations", "invite", "invites",
		"issue", "issues", "jeton", "jobs", "join", "js", "keys", "labels", "languages", "learn", "legal", "lfs",
		"libraries", "license", "licenses", "links", "lists", "livez", "local", "localhost", "log", "logged-in",
		"login", "logout", "logs", "mail", "mailbox", "main", "maintenance", "manage", "manifest.json",
		"marketplace", "me", "media", "member", "members", "mentions", "merge", "merges", "meta", "metrics",
		"milestones", "mine", "mirror", "mirrors", "mobile", "namespace", "navigation", "network", "new", "news",
		"nobody", "none", "notification", "notifications", "null", "oauth", "object", "objects", "offer", "offers",
		"official", "open", "opensearch.xml", "operator", "options", "orders", "org", "organisation",
		"organisations", "organization", "organizations", "orgs", "owner", "packages", "pages", "partners",
		"password", "password-reset", "password_reset", "passwords", "patch", "payments", "people", "permissions",
		"personal", "ping", "plans", "plugins", "popular", "posts", "press", "pricing", "privacy", "private",
		"profile", "project", "projects", "proxy", "public", "public-keys", "pull", "pulls", "push", "raw", "readme",
		"readyz", "recommendations", "redeem", "redirect", "refs", "register", "registration", "release", "releases",
		"render", "replies", "repo", "report", "reports", "repos", "repositories", "repository", "requests",
		"reserved", "resources", "restore", "reviews", "revisions", "robots.txt", "root", "rss", "saml", "scim",
		"script", "scripts", "search", "secrets", "security", "security.txt", "select", "self", "server", "servers",
		"service", "service-worker.js", "services", "session", "sessions", "setting", "settings", "setup", "share",
		"shop", "showcases", "sign-in", "sign-out", "sign-up", "signin", "signout", "signup", "site", "site-admin",
		"site-policy", "sitemap", "sitemap.xml", "sites", "snippets", "sponsors", "ssh", "sso", "staff", "stages",
		"star", "starred", "stars", "start", "static", "statistics", "stats", "status", "statuses", "storage",
		"store", "stories", "styleguide", "subscribe", "subscriptions", "sudo", "suggest", "suggestion",
		"suggestions", "support", "suspended", "sync", "system", "system-administrator", "tag", "tags", "team",
		"teams", "templates", "terms", "test", "theme", "themes", "timeline", "token", "tokens", "tools", "topic",
		"topics", "tos", "tour", "train", "training", "translations", "trash", "tree", "trending", "trust",
		"undefined", "unsubscribe", "update", "updates", "upload", "uploads", "user", "username", "users", "v1",
		"v2", "v3", "vendor", "verification", "verify", "version", "versions", "visualization", "watching",
		"web-flow", "webauthn", "webhook", "webhooks", "webmaster", ".well-known", "wiki", "wikis", "work",
		"workflows", "www":
		return true
	}
	return false
}
