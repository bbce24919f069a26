package attack

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestD1_NoTokenInAURL: a token in a query or a path is refused on every door,
// even beside a good credential, and is in no log.
func TestD1_NoTokenInAURL(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	plain := s.token(t, s.ada, "in a URL", "repo", "user")
	good := bearer(s.token(t, s.ada, "in a header", "repo"))
	for _, path := range []string{"/api/v3/user", "/api/v3/repos/ada/shut", "/api/v3/nowhere", "/ada/shut.git/info/refs", "/ada/shut", "/settings/tokens", "/"} {
		for _, query := range []string{"access_token=" + plain, "private_token=" + plain, "token=" + plain, "x=" + plain, plain, "a=b&service=git-upload-pack&q=" + url.QueryEscape("Bearer "+plain),
			"x=" + strings.ReplaceAll(plain, "_", "%5F"), "access_token=x", "private_token=y"} {
			want(t, path+" "+query[:4], s.Do(t, "GET", path+"?"+query, ""), 400)
			want(t, path+" and a header", s.Do(t, "GET", path+"?"+query, "", good), 400)
		}
	}
	for _, path := range []string{"/" + plain + "/shut.git/info/refs?service=git-upload-pack", "/ada/" + plain, "/api/v3/repos/ada/" + plain, "/" + plain} {
		want(t, "in the path", s.Do(t, "GET", path, ""), 400)
	}
	if strings.Contains(s.Log.String(), plain) {
		t.Error("the log holds the token")
	}
}

// TestD7_ScriptsPassNothingOn: no script of the pages speaks to other windows
// or other places, or keeps anything in the browser's storage.
func TestD7_ScriptsPassNothingOn(t *testing.T) {
	t.Parallel()
	n := 0
	err := filepath.WalkDir(filepath.Join("..", "web", "js"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, word := range []string{"postMessage", "localStorage", "sessionStorage", "indexedDB", "XMLHttpRequest", "sendBeacon", "WebSocket", "eval(", "innerHTML", "document.write", "http://", "https://"} {
			if strings.Contains(string(text), word) {
				t.Errorf("%s uses %s", filepath.Base(path), word)
			}
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Fatalf("%d scripts, %v", n, err)
	}
}
