package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jeton/internal/app/apptest"
	"jeton/internal/audit"
	"jeton/internal/id"
	"jeton/internal/largefile"
	"jeton/internal/right"
)

const lfsType = "Content-Type: application/vnd.git-lfs+json"

// lfsPath is an address of Git LFS in one of ada's repositories.
func lfsPath(name, rest string) string { return "/ada/" + name + ".git/info/lfs/" + rest }

// action is what a batch says to do.
type action struct {
	Href      string
	Header    map[string]string
	ExpiresIn int       `json:"expires_in"`
	ExpiresAt time.Time `json:"expires_at"`
}

// path is the action's address on the server.
func (a action) path(s *scene) string { return strings.TrimPrefix(a.Href, s.URL()) }

// auth is the header that the action comes with.
func (a action) auth() string { return "Authorization: " + a.Header["Authorization"] }

// lfsObject is one object of a batch's answer.
type lfsObject struct {
	OID     string
	Size    int64
	Actions map[string]action
	Error   *struct{ Code int }
}

// batch asks for objects as git-lfs does.
func (s *scene) batch(t *testing.T, name, operation string, contents []string, headers ...string) (apptest.Answer, []lfsObject) {
	t.Helper()
	type object struct {
		OID  largefile.OID `json:"oid"`
		Size int           `json:"size"`
	}
	body := struct {
		Operation string   `json:"operation"`
		Objects   []object `json:"objects"`
	}{Operation: operation}
	for _, c := range contents {
		body.Objects = append(body.Objects, object{largefile.Sum([]byte(c)), len(c)})
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	a := s.Do(t, "POST", lfsPath(name, "objects/batch"), string(text), append(headers, lfsType)...)
	var out struct{ Objects []lfsObject }
	if a.StatusCode == 200 {
		if err := json.Unmarshal([]byte(a.Text), &out); err != nil || len(out.Objects) != len(contents) {
			t.Fatalf("the batch's answer: %v, %.200s", err, a.Text)
		}
	}
	return a, out.Objects
}

// hold lets a repository hold an object, as an upload would.
func (s *scene) hold(t *testing.T, r id.Repo, content string) (oid string) {
	t.Helper()
	o := largefile.Sum([]byte(content))
	if err := s.Files.Store(t.Context(), r, o, int64(len(content)), strings.NewReader(content), func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return string(o)
}

// held reports whether the repository holds the content.
func (s *scene) held(t *testing.T, r id.Repo, content string) bool {
	t.Helper()
	have, err := s.Files.Held(t.Context(), s.DB, r, []largefile.OID{largefile.Sum([]byte(content))})
	if err != nil {
		t.Fatal(err)
	}
	return len(have) > 0
}

// unfinished lists what uploads have left in the folder of large files.
func (s *scene) unfinished(t *testing.T) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.Config.LargeFiles(), "tmp"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return entries
}

const objectText = "the-content-of-a-large-file"

// TestI1_ContentIsHashed: an upload whose bytes are not the object's keeps
// nothing, and what somebody else has uploaded stays what it was.
func TestI1_ContentIsHashed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	evil := s.Repo(t, s.eve, "evil", false)
	oid := s.hold(t, s.shut.ID, objectText)
	auth := bearer(s.token(t, s.eve, "all", "repo"))
	path := "/eve/evil.git/info/lfs/objects/"
	other := strings.Repeat("x", len(objectText))
	for name, body := range map[string]string{"other bytes": other, "fewer": objectText[1:], "more": objectText + "x", "none": ""} {
		a := s.Do(t, "PUT", path+oid, body, auth)
		if a.StatusCode != 422 || !strings.Contains(a.Text, "Nothing was kept") {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
	}
	want(t, "a size that disagrees", s.Do(t, "PUT", path+oid+"?size=3", objectText, auth), 422)
	want(t, "a size that is none", s.Do(t, "PUT", path+oid+"?size=-3", objectText, auth), 422)
	if s.held(t, evil.ID, objectText) || len(s.unfinished(t)) > 0 {
		t.Errorf("something was kept: %v", s.unfinished(t))
	}
	mine := bearer(s.token(t, s.ada, "all", "repo"))
	if a := s.Do(t, "GET", lfsPath("shut", "objects/"+oid), "", mine); a.StatusCode != 200 || a.Text != objectText {
		t.Errorf("ada's object is %d %.80q now", a.StatusCode, a.Text)
	}
}

// TestI2_OnlyTheBytesGiveTheObject: whoever knows the name and size of an
// object that another repository holds is asked for all of its bytes.
func TestI2_OnlyTheBytesGiveTheObject(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	evil := s.Repo(t, s.eve, "evil", false)
	oid := s.hold(t, s.shut.ID, objectText)
	auth := bearer(s.token(t, s.eve, "all", "repo"))
	body := fmt.Sprintf(`{"operation":"upload","objects":[{"oid":%q,"size":%d}]}`, oid, len(objectText))
	a := s.Do(t, "POST", "/eve/evil.git/info/lfs/objects/batch", body, auth, lfsType)
	if a.StatusCode != 200 || !strings.Contains(a.Text, `"upload":{`) {
		t.Fatalf("the bytes are not asked for: %d %s", a.StatusCode, a.Text)
	}
	said := fmt.Sprintf(`{"oid":%q,"size":%d}`, oid, len(objectText))
	want(t, "verify without an upload", s.Do(t, "POST", "/eve/evil.git/info/lfs/objects/"+oid+"/verify", said, auth, lfsType), 404)
	want(t, "download without an upload", s.Do(t, "GET", "/eve/evil.git/info/lfs/objects/"+oid, "", auth), 404)
	if s.held(t, evil.ID, objectText) {
		t.Fatal("the repository holds what nobody sent to it")
	}
	// With the bytes it is another matter, and they are kept once.
	want(t, "upload", s.Do(t, "PUT", "/eve/evil.git/info/lfs/objects/"+oid, objectText, auth), 200)
	want(t, "download", s.Do(t, "GET", "/eve/evil.git/info/lfs/objects/"+oid, "", auth), 200)
	n := 0
	for _, err := range s.Blobs.All(t.Context()) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 1 {
		t.Errorf("the same bytes are kept %d times", n)
	}
}

// TestI3_NoOtherRightOpensAnObject: who may see that there is a repository, or
// delete it, reads no object of it; a pointer in another repository does not
// help.
func TestI3_NoOtherRightOpensAnObject(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	oid := s.hold(t, s.shut.ID, objectText)
	s.Share(t, s.shut, s.eve, right.Read)
	for _, scope := range []string{"", "public_repo", "user", "workflow", "delete_repo"} {
		auth := bearer(s.token(t, s.eve, "with "+scope, strings.Fields(scope)...))
		want(t, "object, "+scope, s.Do(t, "GET", lfsPath("shut", "objects/"+oid), "", auth), 403, 404)
		a, _ := s.batch(t, "shut", "download", []string{objectText}, auth)
		want(t, "batch, "+scope, a, 403, 404)
	}
	g := s.clone(t, s.ada, s.token(t, s.ada, "all", "repo"), "open")
	g.Commit(t, "large.bin", fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, len(objectText)), "A pointer")
	g.Run(t, "push", "-q", "origin", "HEAD:main")
	want(t, "the page's download", s.Do(t, "GET", "/ada/open/media/main/large.bin", ""), 404)
	if a := s.Do(t, "GET", "/ada/open/blob/main/large.bin", ""); a.StatusCode != 200 || strings.Contains(a.Text, "/media/") {
		t.Errorf("the page offers what the repository does not hold: %d", a.StatusCode)
	}
}

// TestI4_AnUnknownVerbIsRefused: what is no route of Git LFS does nothing,
// whoever asks.
func TestI4_AnUnknownVerbIsRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	oid := s.hold(t, s.shut.ID, objectText)
	auth := bearer(s.token(t, s.ada, "all", "repo"))
	for _, op := range []string{`"delete"`, `"Upload"`, `"upload "`, `"download/upload"`, `""`, `null`, `[]`, `1`, `{"a":"upload"}`} {
		for _, header := range []string{auth, "Accept: */*"} {
			a := s.Do(t, "POST", lfsPath("shut", "objects/batch"), `{"operation":`+op+`,"objects":[]}`, lfsType, header)
			want(t, "the operation "+op, a, 422)
		}
	}
	for _, method := range []string{"DELETE", "PATCH", "OPTIONS", "TRACE", "POST", "LINK", "get"} {
		want(t, method+" of an object", s.Do(t, method, lfsPath("shut", "objects/"+oid), "", auth), 400, 405)
	}
	for _, rest := range []string{"", "objects", "objects/", "objects/" + oid + "/", "objects/" + oid[1:], "objects/" + strings.ToUpper(oid), "objects/../objects/" + oid, "objects/verify", "locks/", "locks//unlock", "locks/1/lock", "../../git-receive-pack", "objects/batch/", "Objects/batch"} {
		for _, method := range []string{"GET", "POST", "PUT"} {
			a := s.Do(t, method, lfsPath("shut", rest), "{}", auth, lfsType)
			want(t, method+" "+rest, a, 400, 404, 405)
		}
	}
}

// TestI5_ATransferIsItsTokens: a transfer credential is never more than the
// token that it was made from, whatever its account may do.
func TestI5_ATransferIsItsTokens(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	oid := s.hold(t, s.open.ID, objectText)
	narrow, plain := s.Token(t, s.ada, "narrow", "public_repo")
	a, objects := s.batch(t, "open", "upload", []string{"something new"}, bearer(plain))
	want(t, "batch", a, 200)
	up := objects[0].Actions["upload"]
	_, objects = s.batch(t, "open", "download", []string{objectText}, bearer(plain))
	down := objects[0].Actions["download"]
	want(t, "before", s.Do(t, "GET", down.path(s), "", down.auth()), 200)
	// Less for the token is less for what was made from it.
	if _, err := s.Tokens.Update(t.Context(), right.Operator(), s.ada.ID, narrow.ID, "narrow", 0); err != nil {
		t.Fatal(err)
	}
	want(t, "an upload after its scope went", s.Do(t, "PUT", up.path(s), "something new", up.auth()), 403)
	// A token for what is public opens nothing that has become private.
	if _, err := s.Repos.SetVisibility(t.Context(), right.Operator(), s.open.ID, true); err != nil {
		t.Fatal(err)
	}
	want(t, "a download after the repository was hidden", s.Do(t, "GET", down.path(s), "", down.auth()), 404)
	if a := s.Do(t, "GET", lfsPath("open", "objects/"+oid), "", bearer(s.token(t, s.ada, "all", "repo"))); a.StatusCode != 200 {
		t.Errorf("its owner: %d", a.StatusCode)
	}
}

// TestI6_ALockIsOfItsRepository: a lock's number with another repository's
// name removes and shows nothing.
func TestI6_ALockIsOfItsRepository(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Repo(t, s.eve, "evil", false)
	auth, eves := bearer(s.token(t, s.ada, "all", "repo")), bearer(s.token(t, s.eve, "all", "repo"))
	a := s.Do(t, "POST", lfsPath("shut", "locks"), `{"path":"a/b.bin"}`, auth, lfsType)
	var made struct{ Lock struct{ ID string } }
	if err := json.Unmarshal([]byte(a.Text), &made); err != nil || a.StatusCode != 201 {
		t.Fatalf("lock: %d %s", a.StatusCode, a.Text)
	}
	for _, force := range []string{"false", "true"} {
		want(t, "by her own repository", s.Do(t, "POST", "/eve/evil.git/info/lfs/locks/"+made.Lock.ID+"/unlock", `{"force":`+force+`}`, eves, lfsType), 404)
		want(t, "by ada's public one", s.Do(t, "POST", lfsPath("open", "locks/"+made.Lock.ID+"/unlock"), `{"force":`+force+`}`, auth, lfsType), 404)
	}
	if a := s.Do(t, "GET", "/eve/evil.git/info/lfs/locks?id="+made.Lock.ID, "", eves); a.StatusCode != 200 || strings.Contains(a.Text, "b.bin") {
		t.Errorf("the lock shows elsewhere: %d %s", a.StatusCode, a.Text)
	}
	if list, _, err := s.Files.Locks(t.Context(), s.DB, s.shut.ID, largefile.LockQuery{}); err != nil || len(list) != 1 {
		t.Errorf("the lock is gone: %v, %v", list, err)
	}
}

// TestI7_APathIsOnlyCompared: whatever is sent as a path or an object's name
// opens no file and runs nothing.
func TestI7_APathIsOnlyCompared(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	auth := bearer(s.token(t, s.ada, "all", "repo"))
	before := s.tree(t)
	for _, name := range append([]string{"../../../etc/passwd", "/etc/passwd", "a/../../b", "$(touch x)", "`id`", "--upload-pack=x", "-x", "a\x00b"}, hostile...) {
		path, _ := json.Marshal(name)
		want(t, "lock "+name, s.Do(t, "POST", lfsPath("open", "locks"), `{"path":`+string(path)+`}`, auth, lfsType), 201, 409, 422)
		body := `{"operation":"upload","objects":[{"oid":` + string(path) + `,"size":1}]}`
		if a := s.Do(t, "POST", lfsPath("open", "objects/batch"), body, auth, lfsType); a.StatusCode != 200 || strings.Contains(a.Text, "href") {
			t.Errorf("the oid %q: %d %.100s", name, a.StatusCode, a.Text)
		}
	}
	if after := s.tree(t); after != before {
		t.Errorf("the folder of large files changed:\n%s", after)
	}
}

// tree lists the folder of large files.
func (s *scene) tree(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(s.Config.LargeFiles(), func(path string, _ os.DirEntry, err error) error {
		_, _ = fmt.Fprintln(&out, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestI8_NameAndSizeReadNothing: an object that another repository holds is
// missing here, whatever is asked and whoever asks.
func TestI8_NameAndSizeReadNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	oid := s.hold(t, s.shut.ID, objectText)
	for name, headers := range map[string][]string{"a visitor": nil, "a stranger": {bearer(s.token(t, s.eve, "all", "repo"))}, "its owner": {bearer(s.token(t, s.ada, "all", "repo"))}} {
		a, objects := s.batch(t, "open", "download", []string{objectText}, headers...)
		if a.StatusCode != 200 || objects[0].Error == nil || objects[0].Error.Code != 404 || len(objects[0].Actions) > 0 {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
		want(t, name, s.Do(t, "GET", lfsPath("open", "objects/"+oid), "", headers...), 404)
		want(t, name+", with a range", s.Do(t, "GET", lfsPath("open", "objects/"+oid), "", append(headers, "Range: bytes=0-3")...), 404)
	}
}

// TestH2_TheServiceOfLFSIsInThePath: no query makes an upload a download.
func TestH2_TheServiceOfLFSIsInThePath(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	eves := bearer(s.token(t, s.eve, "all", "repo"))
	oid := string(largefile.Sum([]byte(objectText)))
	for _, query := range []string{"?service=git-upload-pack", "?service=git-receive-pack", "?size=27&service=git-upload-pack", "?service=", "?operation=download"} {
		want(t, "PUT"+query, s.Do(t, "PUT", lfsPath("open", "objects/"+oid)+query, objectText, eves), 400, 403)
		want(t, "batch"+query, s.Do(t, "POST", lfsPath("open", "objects/batch")+query, `{"operation":"upload","objects":[]}`, eves, lfsType), 400)
		want(t, "lock"+query, s.Do(t, "POST", lfsPath("open", "locks")+query, `{"path":"a"}`, eves, lfsType), 400, 403)
	}
	// Two operations in one body are one: what the gate was asked is what is done.
	a := s.Do(t, "POST", lfsPath("open", "objects/batch"), `{"operation":"download","operation":"upload","objects":[]}`, eves, lfsType)
	want(t, "two operations", a, 403)
	a = s.Do(t, "POST", lfsPath("open", "objects/batch"), `{"operation":"upload","Operation":"download","objects":[{"oid":"`+oid+`","size":1}]}`, eves, lfsType)
	if strings.Contains(a.Text, "upload\":{") {
		t.Errorf("two spellings: %d %s", a.StatusCode, a.Text)
	}
	if s.held(t, s.open.ID, objectText) {
		t.Error("eve uploaded to ada's repository")
	}
}

// TestH9_ABadCredentialIsNoVisitorOfLFS: what is no good credential is refused
// where none is needed, and the challenge says who asks.
func TestH9_ABadCredentialIsNoVisitorOfLFS(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	oid := s.hold(t, s.open.ID, objectText)
	gone, plain := s.Token(t, s.ada, "gone", "repo")
	if _, err := s.Tokens.Revoke(t.Context(), right.Operator(), s.ada.ID, gone.ID); err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]string{"revoked": bearer(plain), "garbage": bearer("x"), "a password": basic("ada", apptest.Password), "an empty one": basic("ada", ""), "no scheme": "Authorization: x"} {
		for _, a := range []apptest.Answer{s.Do(t, "GET", lfsPath("open", "objects/"+oid), "", header), s.Do(t, "GET", lfsPath("open", "locks"), "", header), s.Do(t, "GET", lfsPath("nothing", "no/route"), "", header)} {
			want(t, name, a, 401)
			if a.Header.Get("LFS-Authenticate") != `Basic realm="GitHub"` || a.Header.Get("WWW-Authenticate") != `Basic realm="GitHub"` {
				t.Errorf("%s: the challenge is %v", name, a.Header)
			}
		}
	}
	want(t, "nothing", s.Do(t, "GET", lfsPath("open", "objects/"+oid), ""), 200)
}

// TestN2_ABatchIsBounded: bodies that are too large, too deep or too many are
// cut off with a message.
func TestN2_ABatchIsBounded(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	auth := bearer(s.token(t, s.ada, "all", "repo"))
	many := bytes.Repeat([]byte(`{"oid":"x","size":1},`), 1001)
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"too many objects": {`{"operation":"upload","objects":[` + string(many[:len(many)-1]) + `]}`, 413},
		"too large":        {`{"operation":"upload","objects":[],"x":"` + strings.Repeat("x", 1<<20) + `"}`, 413},
		"too deep":         {`{"operation":"upload","objects":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, 400},
		"not JSON":         {`{"operation":`, 400},
		"more than one":    {`{"operation":"upload"}{}`, 400},
		"not UTF-8":        {"{\"operation\":\"\xff\"}", 400},
		"negative":         {`{"operation":"upload","objects":[{"oid":"` + strings.Repeat("a", 64) + `","size":-1}]}`, 200},
		"a huge size":      {`{"operation":"upload","objects":[{"oid":"` + strings.Repeat("a", 64) + `","size":9223372036854775807}]}`, 200},
		"past all numbers": {`{"operation":"upload","objects":[{"oid":"x","size":1e400}]}`, 422},
		"another hash":     {`{"operation":"upload","hash_algo":"sha512","objects":[]}`, 409},
	} {
		a := s.Do(t, "POST", lfsPath("shut", "objects/batch"), c.body, auth, lfsType)
		if a.StatusCode != c.status || strings.Contains(a.Text, `"href"`) || !json.Valid([]byte(a.Text)) {
			t.Errorf("%s: %d %.200s", name, a.StatusCode, a.Text)
		}
		if c.status != 200 && !strings.Contains(a.Text, `"message":"`) {
			t.Errorf("%s: no message: %.200s", name, a.Text)
		}
	}
	want(t, "another type", s.Do(t, "POST", lfsPath("shut", "objects/batch"), "{}", auth, "Content-Type: text/plain"), 415)
}

// forced counts the lines of the security log about locks taken from others.
func (s *scene) forced(t *testing.T) []audit.Line {
	t.Helper()
	lines, err := s.Audit.List(t.Context(), audit.Query{Account: s.ada.ID, Action: "lfs_lock.force_unlock", Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// TestI6_ForceIsWrittenDown: a lock that is taken from somebody stands in the
// security log.
func TestI6_ForceIsWrittenDown(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Share(t, s.shut, s.eve, right.Write)
	auth, eves := bearer(s.token(t, s.ada, "all", "repo")), bearer(s.token(t, s.eve, "all", "repo"))
	a := s.Do(t, "POST", lfsPath("shut", "locks"), `{"path":"a.bin"}`, auth, lfsType)
	var made struct{ Lock struct{ ID string } }
	if err := json.Unmarshal([]byte(a.Text), &made); err != nil {
		t.Fatal(err)
	}
	path := lfsPath("shut", "locks/"+made.Lock.ID+"/unlock")
	want(t, "another's, without force", s.Do(t, "POST", path, `{}`, eves, lfsType), 403)
	if n := len(s.forced(t)); n != 0 {
		t.Errorf("%d lines", n)
	}
	want(t, "another's, with force", s.Do(t, "POST", path, `{"force":true}`, eves, lfsType), 200)
	if lines := s.forced(t); len(lines) != 1 || lines[0].Actor != "eve" || lines[0].Detail["path"] != "a.bin" {
		t.Errorf("the security log: %+v", lines)
	}
}
