package trust

import (
	"regexp"
	"strings"
	"testing"

	"jeton/internal/problem"
)

const github = "https://token.actions.githubusercontent.com"

func TestSubjectFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, subject string
		want             bool
	}{
		{"repo:octo/site:ref:refs/heads/main", "repo:octo/site:ref:refs/heads/main", true},
		{"repo:octo/site:ref:refs/heads/main", "repo:octo/site:ref:refs/heads/main2", false},
		{"repo:octo/site:ref:refs/heads/main", "xrepo:octo/site:ref:refs/heads/main", false},
		{"repo:octo/site:ref:refs/heads/*", "repo:octo/site:ref:refs/heads/main", true},
		{"repo:octo/site:ref:refs/heads/*", "repo:octo/site:ref:refs/heads/", true},
		{"repo:octo/site:ref:refs/heads/*", "repo:octo/site:ref:refs/heads/a/b", false},
		{"repo:octo/site:ref:refs/heads/**", "repo:octo/site:ref:refs/heads/a/b", true},
		{"repo:octo/*:ref:refs/heads/main", "repo:octo/site:ref:refs/heads/main", true},
		{"repo:octo/*:ref:refs/heads/main", "repo:octo/site:x:ref:refs/heads/main", false},
		{"repo:octo/*:ref:refs/heads/main", "repo:octo/site:ref:refs/heads/main/x", false},
		{"repo:octo/*", "repo:octo2/site", false},
		{"repo:octo/s*e-*", "repo:octo/site-x", true},
		{"repo:octo/s*e-*", "repo:octo/site", false},
		{"repo:octo/**:main", "repo:octo/site:ref:main", true},
		{"repo:octo/**:main", "repo:octo/site:ref:main:x", false},
		{"Repo:octo", "repo:octo", false},
		{"repo:octo/*", "repo:octo/a\x00b", false},
		{"repo:octo/*", "", false},
		{"repo:octo/[a-z]", "repo:octo/a", false},
		{"repo:octo/?", "repo:octo/a", false},
		{`repo:octo/\*`, "repo:octo/*", false},
		{"repo:octo/*", "repo:octo/" + strings.Repeat("x", maxPresented), false},
	} {
		if got := SubjectFits(c.pattern, c.subject); got != c.want {
			t.Errorf("%q, %q: %v", c.pattern, c.subject, got)
		}
	}
}

func TestCheckSubject(t *testing.T) {
	t.Parallel()
	const own = "https://ci.example.com"
	for issuer, all := range map[string][]string{
		own:                            {"team:*", "team:**", "machine-7", "a:b*", "a/b/**"},
		github:                         {"repo:octo/*", "repo:octo/site:ref:refs/heads/main", "repository_owner:octo", "repository_owner:octo:**", "repository_id:12:*"},
		"https://gitlab.com":           {"project_path:octo/*:ref_type:branch:ref:main"},
		github + "/enterprise":         {"repo:octo/*"},
		"https://TOKEN.example.com/x/": {"team:x"},
	} {
		for _, pattern := range all {
			if err := checkSubject(issuer, pattern); err != nil {
				t.Errorf("%s of %s: %v", pattern, issuer, err)
			}
		}
	}
	for issuer, all := range map[string][]string{
		own:                           {"", "*", "**", "*:main", "**/main", "team*", "a*:b", ":*", "//**", ":::*", "team:***", "team:\x1b", "team:\xff", strings.Repeat("a:", 300), "a:" + strings.Repeat("*b", 9)},
		github:                        {"repo:*", "repo:octo*", "repo:octo*/site", "repo:**", "repo:/*", "environment:production", "ref:refs/heads/main", "job_workflow_ref:octo/x/**", "octo/site", "REPO:octo/*", "repo:"},
		"https://gitlab.com":          {"project_path:*", "project_path:octo*", "repo:octo/*", "ref_type:branch"},
		"https://agent.buildkite.com": {"organization:*", "organization:*:pipeline:site:**", "organization:octo*", "pipeline:site:**"},
		"https://app.terraform.io":    {"organization:*:project:site:**", "organization:**"},
		"https://oidc.codefresh.io":   {"account:*:pipeline:site"},
	} {
		for _, pattern := range all {
			if err := checkSubject(issuer, pattern); !problem.Is(err, problem.Invalid) {
				t.Errorf("%q of %s is taken: %v", pattern, issuer, err)
			}
		}
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"https://ci.example.com", "https://ci.example.com/", "https://ci.example.com:8443/a/b"} {
		if err := CheckURL("issuer", good, false); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "ci.example.com", "//ci.example.com", "http://ci.example.com", "https://", "https://:443", "https://u@ci.example.com", "https://u:p@ci.example.com", "https://ci.example.com?x", "https://ci.example.com?",
		"https://ci.example.com#", "https://ci.example.com/#x", "file:///etc/passwd", "https:ci.example.com", "https://ci.example.com/ x", "https://ci.example.com\\x", "http://127.0.0.1", "ftp://127.0.0.1", "https://ci.example.com/\x00"} {
		if err := CheckURL("issuer", bad, false); !problem.Is(err, problem.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for address, want := range map[string]bool{"http://127.0.0.1:8080": true, "http://[::1]/x": true, "http://localhost": true, "http://10.0.0.1": false, "http://localhost.example.com": false, "http://127.0.0.1.example.com": false} {
		if err := CheckURL("issuer", address, true); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestParseClaims(t *testing.T) {
	t.Parallel()
	in := "environment = production\n\nref=refs/heads/a=b\n"
	got, err := ParseClaims(in)
	if err != nil || len(got) != 2 || got["environment"] != "production" || got["ref"] != "refs/heads/a=b" || ClaimsText(got) != "environment=production\nref=refs/heads/a=b\n" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"environment", "a=b\na=c"} {
		if _, err := ParseClaims(bad); !problem.Is(err, problem.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []map[string]string{{"iss": "x"}, {"sub": "x"}, {"a b": "x"}, {"a": ""}, {"a": "x\n"}, {"": "x"}} {
		if err := checkClaims(bad); !problem.Is(err, problem.Invalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// FuzzSubject holds the matching to a regular expression, and an accepted pattern to
// what it pins down.
func FuzzSubject(f *testing.F) {
	for _, s := range [][2]string{{"repo:octo/*", "repo:octo/site"}, {"a:**b", "a:x/y:b"}, {"a:*b*", "a:bb"}, {"a:b", "a:b"}, {"a:***", "a:"}, {"x:é*", "x:éa"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, subject string) {
		if strings.Contains(pattern, "***") || len(pattern) > maxSubject || len(subject) > maxPresented || strings.Count(pattern, "*") > 40 {
			return
		}
		var re strings.Builder
		re.WriteString(`(?s)\A`)
		for i := 0; i < len(pattern); i++ {
			switch {
			case strings.HasPrefix(pattern[i:], "**"):
				re.WriteString(`.*`)
				i++
			case pattern[i] == '*':
				re.WriteString(`[^:/]*`)
			case pattern[i] >= 0x80: // a rune at a time: only whole ones are valid
				return
			default:
				re.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
			}
		}
		want := subject != "" && plain(subject) && regexp.MustCompile(re.String()+`\z`).MatchString(subject)
		if got := SubjectFits(pattern, subject); got != want {
			t.Fatalf("%q, %q: %v", pattern, subject, got)
		}
		if checkSubject(github, pattern) == nil && SubjectFits(pattern, subject) {
			before, _, _ := strings.Cut(pattern, "*")
			if !strings.HasPrefix(subject, before) || strings.Count(strings.Map(func(r rune) rune {
				if r == '/' {
					return ':'
				}
				return r
			}, before), ":") < 1 {
				t.Fatalf("%q pins nothing down, and takes %q", pattern, subject)
			}
		}
	})
}
