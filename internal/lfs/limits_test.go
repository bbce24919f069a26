package lfs_test

import (
	"strings"
	"testing"

	"jeton/internal/largefile"
	"jeton/internal/right"
)

func (w *world) limited(t *testing.T, limits ...string) string {
	t.Helper()
	tok, plain := w.Token(t, w.ada, strings.Join(limits, " "), "repo")
	all := make([]right.Limit, len(limits))
	for i, text := range limits {
		all[i] = right.ParseLimit(text)
	}
	if _, err := w.Tokens.SetLimits(t.Context(), right.Operator(), w.ada.ID, tok.ID, all); err != nil {
		t.Fatal(err)
	}
	return plain
}

// TestLimits_hiddenRefs: which objects a branch needs nobody knows here, so that who
// does not see all branches gets none.
func TestLimits_hiddenRefs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const content = "of a branch that is hidden"
	path := "/ada/shut.git/info/lfs/objects/" + w.upload(t, "shut", content)
	auth := bearer(w.limited(t, "ref\nrefs/heads/main"))
	oid := string(largefile.Sum([]byte(content)))
	batch := func(operation string) string {
		return `{"operation":"` + operation + `","objects":[{"oid":"` + oid + `","size":26}]}`
	}
	for _, r := range [][3]string{{"GET", path, ""}, {"HEAD", path, ""}, {"PUT", path, content}, {"POST", path + "/verify", `{"oid":"` + oid + `","size":26}`},
		{"POST", "/ada/shut.git/info/lfs/objects/batch", batch("download")}, {"POST", "/ada/shut.git/info/lfs/objects/batch", batch("upload")}} {
		if a := w.Do(t, r[0], r[1], r[2], auth, jsonType); a.StatusCode != 403 || r[0] != "HEAD" && !strings.Contains(a.Text, "limited to some branches and tags") {
			t.Errorf("%s %s: %d %s", r[0], r[1], a.StatusCode, a.Text)
		}
	}
}

// TestBudget: the transfer of an object is a use, by whatever credential; a batch is
// none.
func TestBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	content := strings.Repeat("0123456789", 1000)
	path := "/ada/shut.git/info/lfs/objects/" + w.upload(t, "shut", content)
	auth := bearer(w.limited(t, "uses\n4"))
	var links []string
	for range 3 {
		href, header := w.batchOne(t, "shut", "download", content, auth)
		links = append(links, href, "Authorization: "+header["Authorization"])
	}
	for i := 0; i < 4; i += 2 {
		if a := w.Do(t, "GET", links[i], "", links[i+1]); a.StatusCode != 200 || a.Text != content {
			t.Errorf("by a link: %d", a.StatusCode)
		}
	}
	if a := w.Do(t, "HEAD", path, "", auth); a.StatusCode != 200 {
		t.Errorf("HEAD: %d", a.StatusCode)
	}
	if a := w.Do(t, "GET", path, "", auth, "Range: bytes=0-3"); a.StatusCode != 206 {
		t.Errorf("a part: %d", a.StatusCode)
	}
	for name, a := range map[string]int{
		"by a link": w.Do(t, "GET", links[4], "", links[5]).StatusCode, "by the token": w.Do(t, "GET", path, "", auth).StatusCode, "HEAD": w.Do(t, "HEAD", path, "", auth).StatusCode,
		"an upload": w.Do(t, "PUT", path, content, auth).StatusCode, "a batch": w.Do(t, "POST", "/ada/shut.git/info/lfs/objects/batch", `{"operation":"download","objects":[]}`, auth, jsonType).StatusCode,
	} {
		if a != 403 {
			t.Errorf("%s, when all is used up: %d", name, a)
		}
	}
	auth = bearer(w.limited(t, "bytes\n15000"))
	if a := w.Do(t, "GET", path, "", auth); a.Text != content {
		t.Errorf("within the budget: %d", a.StatusCode)
	}
	more := strings.Repeat("9876543210", 1000)
	oid := string(largefile.Sum([]byte(more)))
	if a := w.Do(t, "PUT", "/ada/shut.git/info/lfs/objects/"+oid, more, auth); a.StatusCode != 403 || !strings.Contains(a.Text, "used up: it was for 15000 bytes") {
		t.Errorf("past the budget: %d %s", a.StatusCode, a.Text)
	}
	if a := w.Do(t, "GET", "/ada/shut.git/info/lfs/objects/"+oid, "", bearer(w.token)); a.StatusCode != 404 {
		t.Errorf("what did not come whole is there: %d", a.StatusCode)
	}
}
