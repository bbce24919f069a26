package web_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"jeton/internal/app/apptest"
	"jeton/internal/right"
)

// send posts a form with files, whose names and contents alternate.
func (p *person) send(path string, fields map[string]string, files ...string) page {
	p.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			p.t.Fatal(err)
		}
	}
	for i := 0; i < len(files); i += 2 {
		part, err := w.CreateFormFile("files", files[i])
		if err != nil {
			p.t.Fatal(err)
		}
		_, _ = io.WriteString(part, files[i+1])
	}
	if err := w.Close(); err != nil {
		p.t.Fatal(err)
	}
	return p.do(p.request("POST", path, b.String(), "Content-Type", w.FormDataContentType()))
}

// hrefLike is the first address on a page that is like a pattern.
func hrefLike(t *testing.T, in page, like *regexp.Regexp) string {
	t.Helper()
	for n := range in.doc.Descendants() {
		if to := attr(n, "href"); like.MatchString(to) {
			return to
		}
	}
	t.Fatalf("nothing on the page leads to %s:\n%s", like, in.text())
	return ""
}

var editForm = regexp.MustCompile(`/releases/edit/\d+$`)

// TestReleaseForm: who writes makes a draft, attaches files, publishes it, which
// makes the tag as a push would, and deletes it.
func TestReleaseForm(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	s.User(t, "eve")
	r := s.Repo(t, ada, "engine", true)
	s.Share(t, r, bob, right.Read)
	_, plain := s.Token(t, ada, "laptop", "repo")
	g := s.Git(t, "ada", plain)
	p, reader := signedIn(t, s, "ada"), signedIn(t, s, "bob")
	const base = "/ada/engine/releases"

	// Nothing can be published of nothing.
	p.send(base+"/new", map[string]string{"tag_name": "v0", "label": "latest", "do": "publish"}).want(t, 422, "Repository is empty")

	g.Run(t, "clone", "-q", s.URL()+"/ada/engine.git", "engine")
	in := g.In("engine")
	in.Commit(t, "README.md", "# Hello\n", "First")
	in.Run(t, "push", "-q", "origin", "HEAD:main", "HEAD:refs/tags/v0.9")
	in.Commit(t, "more", "more", "Second")
	in.Run(t, "push", "-q", "origin", "HEAD:refs/heads/next")
	next := in.Run(t, "rev-parse", "HEAD")

	reader.get(base).want(t, 200, "Nobody has made one yet")
	for _, path := range []string{base + "/new", base + "/edit/1"} {
		reader.get(path).want(t, 403)
		reader.post(path, "tag_name", "v1", "label", "latest").want(t, 403)
		signedIn(t, s, "eve").get(path).want(t, 404)
	}
	if got := visitor(t, s).post(base+"/new", "tag_name", "v1"); got.StatusCode != 404 {
		t.Errorf("a visitor gets %s", got.Status)
	}

	if p.get(base).find("a", "href", base+"/new") == nil {
		t.Error("the list offers no new release")
	}
	form := p.get(base+"/new").want(t, 200, "next")
	if form.find("option", "value", "v0.9") == nil {
		t.Error("the tags that there are are not offered")
	}
	if form.find("form", "enctype", "multipart/form-data") == nil {
		t.Error("long notes can't be sent")
	}
	for name, c := range map[string]struct{ field, value, says string }{
		"no tag":     {"tag_name", "", "A tag’s name"},
		"a bad tag":  {"tag_name", "a..b", "A tag’s name"},
		"no branch":  {"target_commitish", "nothing", "no such branch"},
		"a long one": {"name", strings.Repeat("x", 256), "255 characters"},
		"too much":   {"body", strings.Repeat("é", 125_001), "125,000 characters"},
		"no label":   {"label", "", "Choose what it is"},
	} {
		fields := map[string]string{"tag_name": "v1", "target_commitish": "next", "label": "latest", "do": "publish"}
		fields[c.field] = c.value
		if got := p.send(base+"/new", fields); got.StatusCode != 422 || !strings.Contains(got.body, c.says) {
			t.Errorf("%s: %s %s", name, got.Status, got.body)
		}
	}
	p.send(base+"/new", map[string]string{"tag_name": "v1", "label": "latest", "body": strings.Repeat("x", 1<<20)}).want(t, 413)
	if tags := g.Run(t, "ls-remote", "--tags", s.URL()+"/ada/engine.git", "v1"); tags != "" {
		t.Errorf("what was refused left %s", tags)
	}

	// A draft, which readers do not see.
	notes := strings.Repeat("ü", 124_000) + "\r\n\r\n**Bold**"
	made := p.send(base+"/new", map[string]string{"tag_name": "v1.0", "target_commitish": "next", "name": "<One>", "body": notes, "label": "latest", "do": "draft"})
	edit := made.Header.Get("Location")
	if made.StatusCode != 303 || !editForm.MatchString(edit) {
		t.Fatalf("%s %s %s", made.Status, edit, made.body)
	}
	if got := p.get(edit).want(t, 200, "Saved the draft", "Edit <One>", "Publish release"); !strings.Contains(got.body, "ü\n\n**Bold**") {
		t.Error("the notes have line ends of the browser's")
	}
	if got := reader.get(base); strings.Contains(got.body, "One") {
		t.Error("a reader sees a draft")
	}
	if tags := g.Run(t, "ls-remote", "--tags", s.URL()+"/ada/engine.git", "v1.0"); tags != "" {
		t.Errorf("a draft made the tag %s", tags)
	}

	// Files.
	p.follow(p.send(edit+"/files", nil, "a b.txt", "first", "../../b.bin", strings.Repeat("second", 100_000))).want(t, 200, "Attached 2 files", "a.b.txt", "b.bin")
	p.send(edit+"/files", nil, "c.txt", "third", "a b.txt", "again", "d.txt", "never").want(t, 422, "There is a file a.b.txt already", "c.txt")
	if got := p.get(edit); strings.Contains(got.body, "d.txt") {
		t.Error("what came after the wrong file was kept")
	}
	p.send(edit+"/files", nil).want(t, 422, "Choose a file first")
	p.send(edit+"/files", nil, "", "").want(t, 422, "Choose a file first")
	p.send(edit+"/files", nil, "", "content without a name").want(t, 422, "could not be read")
	p.send(edit+"/files", nil, "...", "x").want(t, 422, "a letter or digit")
	p.post(edit+"/files", "files", "x").want(t, 422, "Choose a file first")
	reader.send(edit+"/files", nil, "x", "x").want(t, 403)
	req := p.request("POST", edit+"/files", "--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"cut\"\r\n\r\nhalf of it", "Content-Type", "multipart/form-data; boundary=x")
	p.do(req).want(t, 422, "could not be read")
	if got := p.get(edit); strings.Contains(got.body, ">cut<") {
		t.Error("half a file was kept")
	}
	away := p.request("POST", edit+"/delete", "", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site")
	p.do(away).want(t, 403)

	// Published: the tag is there, and so are the files.
	done := p.send(edit, map[string]string{"tag_name": "v1.0", "target_commitish": "next", "name": "One", "body": "**Bold**", "label": "latest", "do": "publish"})
	if done.Header.Get("Location") != base+"/tag/v1.0" {
		t.Fatalf("%s %s %s", done.Status, done.Header.Get("Location"), done.body)
	}
	p.follow(done).want(t, 200, "Published One.", "Bold", "a b.txt")
	if out := g.Run(t, "ls-remote", s.URL()+"/ada/engine.git", "refs/tags/v1.0"); !strings.HasPrefix(out, next) {
		t.Errorf("the tag is %q and not of %s", out, next)
	}
	if got := reader.get(base+"/tag/v1.0").want(t, 200, "One"); strings.Contains(got.body, "/edit/") {
		t.Error("a reader is offered to edit")
	}
	if got := reader.get(base + "/download/v1.0/a.b.txt"); got.body != "first" {
		t.Errorf("the file is %q", got.body)
	}
	p.send(base+"/new", map[string]string{"tag_name": "v1.0", "label": "latest", "do": "publish"}).want(t, 422, "There is a release of this tag already")

	// One of a tag that there is, not the latest; then a pre-release.
	p.follow(p.send(base+"/new", map[string]string{"tag_name": "v0.9", "target_commitish": "next", "label": "none", "do": "publish"})).want(t, 200, "Published v0.9.")
	if out := g.Run(t, "ls-remote", s.URL()+"/ada/engine.git", "refs/tags/v0.9"); strings.HasPrefix(out, next) {
		t.Error("a tag that was there has moved")
	}
	if to := p.get(base + "/latest").Header.Get("Location"); to != base+"/tag/v1.0" {
		t.Errorf("the latest is %s", to)
	}
	other := hrefLike(t, p.get(base+"/tag/v0.9"), editForm)
	if got := p.get(other); !has(got.find("input", "id", "none"), "checked") {
		t.Error("the label is not what was chosen")
	}
	p.follow(p.send(other, map[string]string{"tag_name": "v0.9", "target_commitish": "main", "name": "Old", "label": "prerelease"})).want(t, 200, "Saved the release.", "Pre-release", "Old")

	// A file goes, by the address of its own release alone.
	file := hrefLike(t, p.get(edit), regexp.MustCompile(`/files/\d+/delete$`))
	strange := strings.Replace(file, edit, other, 1)
	p.get(strange).want(t, 404)
	p.post(strange).want(t, 404)
	reader.post(file).want(t, 403)
	p.get(file).want(t, 200, "Delete a.b.txt?")
	p.follow(p.post(file)).want(t, 200, "Deleted the file a.b.txt.")
	reader.get(base+"/download/v1.0/a.b.txt").want(t, 404)

	// Neither is another repository's release.
	s.Repo(t, ada, "second", true)
	for _, rest := range []string{"", "/delete"} {
		path := strings.Replace(edit, "/engine/", "/second/", 1) + rest
		p.get(path).want(t, 404)
		p.post(path, "tag_name", "v9", "label", "latest").want(t, 404)
	}
	p.send(strings.Replace(edit, "/engine/", "/second/", 1)+"/files", nil, "x", "x").want(t, 404)

	// An archived repository takes nothing.
	p.post("/ada/engine/settings/archive").want(t, 303)
	p.send(base+"/new", map[string]string{"tag_name": "v2", "label": "latest"}).want(t, 403)
	p.send(edit+"/files", nil, "x", "x").want(t, 403)
	if got := p.get(base); strings.Contains(got.body, "/edit/") || strings.Contains(got.body, base+"/new") {
		t.Error("an archived repository offers to publish")
	}
	p.post("/ada/engine/settings/unarchive").want(t, 303)

	p.get(edit+"/delete").want(t, 200, "Delete One?", "The tag v1.0 stays")
	p.follow(p.post(edit+"/delete")).want(t, 200, "Deleted the release One.")
	p.get(edit).want(t, 404)
	if out := g.Run(t, "ls-remote", s.URL()+"/ada/engine.git", "refs/tags/v1.0"); !strings.HasPrefix(out, next) {
		t.Error("the tag went with its release")
	}
}

// TestReleaseForm_rules: a tag that a rule protects is not made by a release, and
// one with a live token in its way neither: it is a push like any other.
func TestReleaseForm_rules(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	ada, bob := s.User(t, "ada"), s.User(t, "bob")
	r := s.Repo(t, ada, "engine", true)
	s.Share(t, r, bob, right.Write)
	_, plain := s.Token(t, ada, "laptop", "repo")
	g := s.Git(t, "ada", plain)
	g.Run(t, "clone", "-q", s.URL()+"/ada/engine.git", "engine")
	in := g.In("engine")
	in.Commit(t, "README.md", "# Hello\n", "First")
	in.Run(t, "push", "-q", "origin", "HEAD:main")
	p, writer := signedIn(t, s, "ada"), signedIn(t, s, "bob")
	p.post("/ada/engine/settings/branches/new", "kind", "tag", "push", "admins", "pattern", "v*").want(t, 303)
	fields := map[string]string{"tag_name": "v1", "target_commitish": "main", "body": "Typed for long", "label": "latest", "do": "publish"}
	got := writer.send("/ada/engine/releases/new", fields).want(t, 422, "Typed for long")
	if got.find("p", "id", "tag_name-wrong") == nil {
		t.Errorf("the rule is not told beside the tag: %s", got.body)
	}
	if out := g.Run(t, "ls-remote", "--tags", s.URL()+"/ada/engine.git"); out != "" {
		t.Errorf("the tag was made: %s", out)
	}
	fields["tag_name"] = "w1"
	writer.follow(writer.send("/ada/engine/releases/new", fields)).want(t, 200, "Published w1.")
}

// TestReleaseForm_ends: an upload ends with the session that began it, and leaves
// nothing.
func TestReleaseForm_ends(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t)
	s.Repo(t, s.User(t, "ada"), "engine", true)
	p, other := signedIn(t, s, "ada"), signedIn(t, s, "ada")
	edit := p.send("/ada/engine/releases/new", map[string]string{"tag_name": "v1", "label": "latest", "do": "draft"}).Header.Get("Location")
	in, out := io.Pipe()
	w := multipart.NewWriter(out)
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL()+edit+"/files", in)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	answered := make(chan int, 1)
	go func() {
		resp, err := p.client.Do(req)
		if err != nil {
			answered <- 0 // the connection was cut, which is as good
			return
		}
		_ = resp.Body.Close()
		answered <- resp.StatusCode
	}()
	part, err := w.CreateFormFile("files", "a.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	other.post("/settings/sessions/end_others", "sudo_password", apptest.Password).want(t, 303)
	if code := <-answered; code != 0 && code < 400 {
		t.Errorf("the upload was answered with %d", code)
	}
	_ = out.Close()
	if got := other.get(edit).want(t, 200, "No files are attached yet"); strings.Contains(got.body, "a.bin") {
		t.Error("the file of an ended session was kept")
	}
}
