package rest_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"jeton/internal/account"
	"jeton/internal/app/apptest"
	"jeton/internal/config"
	"jeton/internal/repo"
)

// desk is somebody with a token at a repository.
type desk struct {
	*apptest.Server
	ada   account.Account
	repo  repo.Repo
	plain string
	git   *apptest.Git
}

func newDesk(t *testing.T, change ...func(*config.Config)) *desk {
	t.Helper()
	s := apptest.Start(t, append([]func(*config.Config){func(c *config.Config) { c.APIRateLimit = 1_000_000 }}, change...)...)
	d := &desk{Server: s, ada: s.User(t, "ada")}
	d.repo = s.Repo(t, d.ada, "engine", true)
	_, d.plain = s.Token(t, d.ada, "desk", "repo", "workflow")
	d.git = s.Git(t, "ada", d.plain)
	return d
}

// url of something of the repository.
func (d *desk) at(rest string) string { return "/api/v3/repos/ada/engine" + rest }

// as sends a request by somebody's token.
func (d *desk) as(t *testing.T, plain, method, rest string, body any, headers ...string) apptest.Answer {
	t.Helper()
	text := ""
	switch b := body.(type) {
	case nil:
	case string:
		text = b
	default:
		data, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		text = string(data)
	}
	if !strings.HasPrefix(rest, "/api/") {
		rest = d.at(rest)
	}
	if plain != "" {
		headers = append(headers, bearer(plain))
	}
	return d.Do(t, method, rest, text, headers...)
}

// ask sends one as ada, and holds the answer to its status.
func (d *desk) ask(t *testing.T, want int, method, rest string, body any, headers ...string) apptest.Answer {
	t.Helper()
	a := d.as(t, d.plain, method, rest, body, headers...)
	if a.StatusCode != want {
		t.Fatalf("%s %s: %d, want %d\n%s", method, rest, a.StatusCode, want, a.Text)
	}
	return a
}

// object is ask for an answer that is a JSON object.
func (d *desk) object(t *testing.T, want int, method, rest string, body any, headers ...string) dict {
	t.Helper()
	return object(t, d.ask(t, want, method, rest, body, headers...))
}

// list is ask for a JSON array of objects.
func (d *desk) list(t *testing.T, rest string) []dict {
	t.Helper()
	var out []dict
	if err := json.Unmarshal([]byte(d.ask(t, 200, "GET", rest, nil).Text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

type dict = map[string]any

// get walks into an answer: "commit.author.name".
func get(t *testing.T, v any, path string) any {
	t.Helper()
	for part := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("%v has no %s", v, path)
		}
		v = m[part]
	}
	return v
}

func str(t *testing.T, v any, path string) string {
	t.Helper()
	s, ok := get(t, v, path).(string)
	if !ok {
		t.Fatalf("%s is no text in %v", path, v)
	}
	return s
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// put writes a file by the API.
func (d *desk) put(t *testing.T, want int, path, content, message string, more ...string) dict {
	t.Helper()
	body := dict{"message": message, "content": b64(content)}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i]] = more[i+1]
	}
	return d.object(t, want, "PUT", "/contents/"+path, body)
}

// clone takes a fresh clone and returns git inside it, after git's own checks.
func (d *desk) clone(t *testing.T) *apptest.Git {
	t.Helper()
	g := d.Git(t, "ada", d.plain)
	g.Config = []string{"fetch.fsckObjects=true"}
	g.Run(t, "clone", "-q", d.URL()+"/ada/engine.git", "engine")
	g = g.In("engine")
	if out := g.Run(t, "fsck", "--strict", "--full"); strings.Contains(out, "error") {
		t.Fatalf("git fsck: %s", out)
	}
	return g
}
