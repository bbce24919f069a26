package githubtest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// everything is every scope that is no other's child.
func everything() (out []string) {
	for _, s := range right.Scopes() {
		if s.Parent == "" {
			out = append(out, string(s.Name))
		}
	}
	return out
}

// TestOctokit walks through the API with GitHub's client for JavaScript.
func TestOctokit(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	_, plain := s.Token(t, s.User(t, "ada"), "octokit", everything()...)
	cmd := exec.CommandContext(t.Context(), "node", "octokit.mjs")
	cmd.Env = append(os.Environ(), "URL="+s.URL(), "NODE_EXTRA_CA_CERTS="+s.CAFile)
	cmd.Stdin = strings.NewReader(plain)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), "ok "); n < 6 {
		t.Errorf("%d steps:\n%s", n, out)
	}
}
