package githubtest

import (
	"encoding/json"
	"strings"
	"testing"
)

func load(t *testing.T) *Description {
	t.Helper()
	d, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestCheck: what is like GitHub's passes, and what is not is told.
func TestCheck(t *testing.T) {
	t.Parallel()
	d := load(t)
	email := `[{"email":"a@example.com","primary":true,"verified":true,"visibility":null}]`
	for _, c := range []struct {
		name, method, path string
		status             int
		body, want         string
	}{
		{"good", "GET", "/user/emails", 200, email, ""},
		{"a failure", "GET", "/user/emails", 418, `{"message":"no","documentation_url":"x"}`, ""},
		{"a failure of a route that GitHub has not", "GET", "/nowhere", 404, `{}`, ""},
		{"no body", "GET", "/user/emails", 304, "", ""},
		{"a name with slashes", "GET", "/repos/a/b/branches/feature/one", 404, `{"message":"no","documentation_url":"x"}`, ""},
		{"a missing property", "GET", "/user/emails", 200, strings.ReplaceAll(email, "verified", "checked"), "verified"},
		{"another type", "GET", "/user/emails", 200, strings.ReplaceAll(email, "true", "1"), "boolean"},
		{"another shape", "GET", "/user/emails", 200, `{}`, "array"},
		{"a failure of another form", "GET", "/user/emails", 404, `{"message":1}`, "string"},
		{"a status that it never has", "GET", "/user/emails", 201, email, "no such status"},
		{"a route that GitHub has not", "GET", "/nowhere", 200, `{}`, "deviations.go"},
		{"no JSON", "GET", "/user/emails", 200, `[`, "without JSON"},
	} {
		err := d.Check(c.method, c.path, c.status, []byte(c.body))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestDeviations: each has a reason, and GitHub has what it speaks of.
func TestDeviations(t *testing.T) {
	t.Parallel()
	d := load(t)
	for _, one := range deviations {
		var s struct{ Properties map[string]json.RawMessage }
		if err := json.Unmarshal(d.parts["schemas"][one.schema], &s); err != nil || s.Properties[one.property] == nil {
			t.Errorf("GitHub's %s has no %s", one.schema, one.property)
		}
		if one.why == "" {
			t.Errorf("%s.%s deviates without a reason", one.schema, one.property)
		}
	}
}
