package githubtest

import (
	"slices"
	"strings"
)

// Routes that GitHub does not have.
var own = []string{
	"GET /user/token",         // what the presented token is
	"GET /user/token/explain", // what it may do, and why
	"POST /user/token/narrow",
	"POST /user/token/rotate",
	"DELETE /user/token/nodes/",
	"GET /openapi.json",  // the description of this API
	"GET /repositories/", // a repository by its number: GitHub has it, and redirects to it, without describing it
}

func ours(method, url string) bool {
	// The topmost folder is a path without a path, which the description can't name.
	if method == "GET" && strings.HasSuffix(url, "/contents") {
		return true
	}
	return slices.ContainsFunc(own, func(o string) bool {
		m, prefix, _ := strings.Cut(o, " ")
		return m == method && strings.HasPrefix(url, prefix)
	})
}

func exactlyOurs(method, url string) bool { return slices.Contains(own, method+" "+url) }

// deviation is a property of one of GitHub's schemas that our answers leave out
// or fill otherwise, and why.
type deviation struct{ schema, property, why string }

const noApps = "It names the place of a GitHub App, and there are none here."

var deviations = []deviation{
	{"validation-error-simple", "errors", "Every refusal of a field names it, as GitHub's other ones do."},
	{"webhook-personal-access-token-request-approved", "installation", noApps},
	{"webhook-personal-access-token-request-cancelled", "installation", noApps},
	{"webhook-personal-access-token-request-denied", "installation", noApps},
}

// deviate takes out of the schema called name what we deviate in.
func deviate(name string, s any) {
	for _, d := range deviations {
		if d.schema != name {
			continue
		}
		m, ok := s.(map[string]any)
		if !ok {
			continue
		}
		if properties, ok := m["properties"].(map[string]any); ok {
			delete(properties, d.property)
		}
		if required, ok := m["required"].([]any); ok {
			m["required"] = slices.DeleteFunc(required, func(v any) bool { return v == d.property })
		}
	}
}
