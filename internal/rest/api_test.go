package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
)

type operation struct {
	Summary     string
	OperationID string `json:"operationId"`
	Tags        []string
	Scopes      []string `json:"x-oauth-scopes"`
	Permission  string   `json:"x-github-permissions"`
	Parameters  []struct{ Name, In, Description string }
}

type description struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]json.RawMessage }
}

func describe(t *testing.T, s *apptest.Server) description {
	t.Helper()
	a := s.Do(t, "GET", "/api/v3/openapi.json", "")
	var d description
	if err := json.Unmarshal([]byte(a.Text), &d); err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", a.StatusCode, err)
	}
	// Whatever a schema refers to must be there.
	for _, ref := range strings.Split(a.Text, `"#/components/schemas/`)[1:] {
		if name, _, _ := strings.Cut(ref, `"`); d.Components.Schemas[name] == nil {
			t.Errorf("the schema %q is referred to and missing", name)
		}
	}
	return d
}

// TestOpenAPI: the document describes every route, each by a name of its own.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	d := describe(t, s)
	if d.OpenAPI != "3.1.0" {
		t.Errorf("openapi is %q", d.OpenAPI)
	}
	ids, n := map[string]bool{}, 0
	for path, methods := range d.Paths {
		for method, op := range methods {
			n++
			if ids[op.OperationID] {
				t.Errorf("%s %s: another operation is called %q too", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
			for _, p := range op.Parameters {
				if p.In == "query" && p.Description == "" {
					t.Errorf("%s %s: nothing is said about the parameter %q", method, path, p.Name)
				}
			}
		}
	}
	if want := len(s.Rest.Routes()); n != want {
		t.Errorf("%d operations for %d routes", n, want)
	}
}

// TestDocs holds docs/api.md to the table. JETON_UPDATE=1 writes it.
func TestDocs(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	want := page(describe(t, s))
	const file = "../../docs/api.md"
	if os.Getenv("JETON_UPDATE") != "" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("docs/api.md is not what the table says (%v): run JETON_UPDATE=1 go test -run TestDocs ./internal/rest", err)
	}
}

func page(d description) string {
	topics := map[string][]string{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			var query []string
			for _, p := range op.Parameters {
				if p.In == "query" {
					query = append(query, "`"+p.Name+"`")
				}
			}
			line := fmt.Sprintf("| `%s %s` | %s | %s | %s | %s |\n", strings.ToUpper(method), path, op.Summary,
				code(op.Scopes, " or "), code(strings.Fields(op.Permission), ""), strings.Join(query, " "))
			topics[op.Tags[0]] = append(topics[op.Tags[0]], line)
		}
	}
	var b strings.Builder
	b.WriteString(`# The API

GitHub's REST API under ` + "`/api/v3`" + `, as far as this host has something behind it: the same paths, bodies and answers. Send a token
by Basic authentication, as ` + "`Bearer`" + ` or as ` + "`token`" + `. The machine-readable description (OpenAPI 3.1) is at ` + "`/api/v3/openapi.json`" + `.
This page is made from the table of routes; a test holds the two together.

A scope in the third column is what a classic token needs on what is private. What is public can be read without one.

Every answer has an ` + "`ETag`" + `, and ` + "`If-None-Match`" + ` with it gives a 304 when nothing has changed. One repository, user, organization, team, release, file of
a release, deployment, and a webhook that was never called have a ` + "`Last-Modified`" + ` too, a second after they changed, and ` + "`If-Modified-Since`" + ` works. It knows
less than the ` + "`ETag`" + `: counts (forks, downloads, an account's repositories) and what the caller may do change without it. Where both are sent, the ` + "`ETag`" + ` counts.
Lists of commits have no ` + "`rel=\"last\"`" + `: how many there are nobody knows without a walk through the history. GraphQL's ` + "`totalCount`" + ` takes that walk.

An answer to a personal token that ends within a week has the header ` + "`Jeton-Notice: token \"ci\" ends in 3 days; URL`" + `, in ASCII, with the page where it can be
renewed; ` + "`GitHub-Authentication-Token-Expiration`" + ` is there for every token with an end.

Webhooks of an organization, and those of a person (Settings → Developer settings → Webhooks, not in the API), are told of tokens by the event ` + "`personal_access_token`" + `:
an organization's of the fine-grained ones that reach it, while it shares something with whose they are. Its actions are ` + "`created`" + ` (a token, or a new secret of one: ` + "`how`" + ` is ` + "`made`" + `, ` + "`regenerated`" + ` or ` + "`rotated`" + `), ` + "`expiring`" + ` (7 days and 1 day
before the end), ` + "`expired`" + `, ` + "`new_network`" + ` and ` + "`reuse`" + ` (an old secret was used after its end, and the token is frozen). The payload holds ` + "`personal_access_token`" + ` with
` + "`id`" + `, ` + "`name`" + `, ` + "`kind`" + ` (` + "`classic`" + `, ` + "`fine-grained`" + `, ` + "`oauth`" + `), ` + "`owner`" + `, ` + "`created_at`" + ` and ` + "`expires_at`" + `, then ` + "`sender`" + ` and ` + "`organization`" + `; a person's own also have ` + "`address`" + `, ` + "`network`" + `
and ` + "`client`" + `. No secret and no repository is in it.

What an organization's owners are asked about fine-grained tokens its webhooks are told by GitHub's event ` + "`personal_access_token_request`" + ` (` + "`created`, `approved`, `denied`, `cancelled`" + `),
in GitHub's form without ` + "`installation`" + `: there are no GitHub Apps here. ` + "`cancelled`" + ` says that nobody needs to answer any more: the token was changed or deleted, or the owners ask for nothing. Of a policy that begins
or stops to ask, the 100 oldest are told.
`)
	titles := make([]string, 0, len(topics))
	for title := range topics {
		titles = append(titles, title)
	}
	slices.Sort(titles)
	for _, title := range titles {
		lines := topics[title]
		slices.SortFunc(lines, func(a, b string) int { return strings.Compare(byPath(a), byPath(b)) })
		fmt.Fprintf(&b, "\n## %s\n\n| route | what | scope | permission | query |\n|---|---|---|---|---|\n%s", title, strings.Join(lines, ""))
	}
	return b.String()
}

// byPath is a line's path and then its method, to sort by.
func byPath(line string) string {
	method, path, _ := strings.Cut(line, " /")
	return path[:strings.Index(path, "`")] + " " + method
}

func code(words []string, between string) string {
	for i, w := range words {
		words[i] = "`" + w + "`"
	}
	return strings.Join(words, between)
}
