package application

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzRedirect: whatever is asked for, an address that is let through is of the
// registered host, at or beneath the registered path, and holds nothing that a
// browser reads otherwise than this program does.
func FuzzRedirect(f *testing.F) {
	for _, seed := range []string{
		"https://app.example.com/cb", "https://app.example.com/cb/x?y=z", "https://app.example.com@evil.example.com/cb", `https://app.example.com\@evil.example.com/cb`,
		"https://app.example.com/cb/../x", "https://app.example.com/cb/%2e%2e/x", "//evil.example.com/cb", "https:/app.example.com/cb", "https://app.example.com:443/cb",
		"https://app.example.com/cb;x", "https://app.example.com/cb\n", "http://127.0.0.1:1/", "http://[::1]:8080/x", "http://localhost:80@evil.example.com/",
	} {
		f.Add(seed)
	}
	app := App{ID: 1, Callback: "https://app.example.com/cb"}
	known := known()[0]
	f.Fuzz(func(t *testing.T, asked string) {
		if asked == "" {
			return
		}
		if to, ok := app.Redirect(asked); ok {
			rest, within := strings.CutPrefix(to, "https://app.example.com/cb")
			if to != asked || !within || rest != "" && rest[0] != '/' && rest[0] != '?' || strings.ContainsAny(to, "\\ \t\r\n#<>\"") || hasDots(to) {
				t.Errorf("%q leads to %q", asked, to)
			}
		}
		if to, ok := known.Redirect(asked); ok {
			u, err := url.Parse(to)
			if err != nil || u.Scheme != "http" || u.User != nil || u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost" && u.Hostname() != "::1" {
				t.Errorf("%q leads to %q", asked, to)
			}
			host, _, _ := strings.Cut(strings.TrimPrefix(to, "http://"), "/")
			host, _, _ = strings.Cut(host, "?")
			if !strings.HasPrefix(host, "127.0.0.1") && !strings.HasPrefix(host, "localhost") && !strings.HasPrefix(host, "[::1]") || strings.Contains(host, "@") {
				t.Errorf("%q leads to the host %q", asked, host)
			}
		}
	})
}

// hasDots reports whether a segment of the path goes up.
func hasDots(s string) bool {
	path, _, _ := strings.Cut(s, "?")
	for _, segment := range strings.Split(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// FuzzUserCode: what a person types is the code in whatever form they type it.
func FuzzUserCode(f *testing.F) {
	f.Add("bcdf-ghjk")
	f.Add(" BCDF GHJK ")
	f.Fuzz(func(t *testing.T, typed string) {
		shown := ShownCode(typed)
		if normalCode(shown) != normalCode(typed) {
			t.Errorf("%q is shown as %q", typed, shown)
		}
	})
}
