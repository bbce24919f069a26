package lfs

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"jeton/internal/httpkit"
	"jeton/internal/largefile"
	"jeton/internal/problem"
)

// FuzzBatch: whatever comes as a batch is refused or is one that could be
// answered, and what is taken lies within the bounds.
func FuzzBatch(f *testing.F) {
	oid := strings.Repeat("0a", 32)
	for _, seed := range []string{
		`{"operation":"download","transfers":["basic"],"ref":{"name":"refs/heads/main"},"objects":[{"oid":"` + oid + `","size":12}],"hash_algo":"sha256"}`,
		`{"operation":"upload","objects":[]}`, `{}`, `[]`, `null`, `"x"`, ``, `{"operation":"upload","objects":null}`,
		`{"operation":"upload","objects":[{"oid":"\ud800","size":-9223372036854775808}]}`, `{"operation":"upload","ref":null,"objects":[null]}`,
		strings.Repeat("[", 40), `{"operation":"\"[[[[[[[[[[[[[[[[["}`, `{"a":"\\"}`, "{\"operation\":\"\xff\"}", `{"operation":"upload"} {}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := &batchRequest{}
		err := decode(body, b)
		if err != nil {
			if k := problem.KindOf(err); k != problem.Invalid {
				t.Errorf("decode(%q): kind %v", body, k)
			}
			return
		}
		if !json.Valid(body) {
			t.Errorf("decode took %q", body)
		}
		if b.check() != nil {
			return
		}
		if b.Operation != "upload" && b.Operation != "download" || len(b.Objects) > maxBatch {
			t.Errorf("check took %+v", b)
		}
		for _, o := range b.Objects {
			if oid, ok := largefile.ParseOID(o.OID); ok && (len(oid) != 64 || strings.Trim(o.OID, "0123456789abcdef") != "") {
				t.Errorf("an oid: %q", o.OID)
			}
		}
	})
}

// FuzzPath: no path is this door's that does not lie in a repository's info/lfs,
// and whatever stands for an object's name is one.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/a/b.git/info/lfs/objects/batch", "/a/b/info/lfs/locks/1/unlock", "/a/b/info/lfs", "/a/b/info/refs", "//b/info/lfs/x", "/a/b/info/lfs/objects/" + strings.Repeat("a", 64)} {
		f.Add("GET", seed)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		target, ok := parsePath(path)
		if !ok {
			return
		}
		if !strings.HasPrefix(path, "/"+target.owner+"/"+target.repo+"/info/lfs") || strings.Contains(target.owner+target.repo, "/") {
			t.Errorf("parsePath(%q) = %+v", path, target)
		}
		r, arg, err := match(method, target.rest)
		if err != nil {
			return
		}
		if r.handle == nil || r.method != method && method != http.MethodHead {
			t.Errorf("match(%q, %q) = %+v", method, target.rest, r)
		}
		if _, ok := largefile.ParseOID(arg); strings.Contains(r.pattern, "{oid}") && !ok {
			t.Errorf("match(%q, %q): the object's name is %q", method, target.rest, arg)
		}
	})
}

// TestStatus: what no problem's kind says has a status of its own.
func TestStatus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"the quota":      {&largefile.OverQuota{Err: problem.New(problem.Forbidden, "full", "")}, http.StatusInsufficientStorage},
		"another method": {&httpkit.Wrong{Status: http.StatusMethodNotAllowed, Text: "x"}, http.StatusMethodNotAllowed},
		"anything":       {errors.New("x"), 500},
	} {
		if got, _ := status(500, c.err); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
