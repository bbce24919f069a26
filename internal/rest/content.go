package rest

import (
	"context"
	"encoding/base64"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
	"unicode/utf8"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/markdown"
	"jeton/internal/problem"
	"jeton/internal/right"
)

func (d *Door) contentRoutes() []route {
	return []route{
		{get, "/repos/{owner}/{repo}/contents/{path...}", right.RepoFetch, d.walks(d.getContent), "Get repository content", doc{query: "ref", out: contentFile{}}},
		{get, "/repos/{owner}/{repo}/contents", right.RepoFetch, d.walks(d.getContent), "Get the topmost folder of a repository", doc{query: "ref", out: []contentEntry{}}},
		{put, "/repos/{owner}/{repo}/contents/{path...}", right.RepoPush, d.putContent, "Create or update file contents", doc{in: contentInput{}, out: fileCommit{}}},
		{del, "/repos/{owner}/{repo}/contents/{path...}", right.RepoPush, d.deleteContent, "Delete a file", doc{query: "message sha branch", out: fileCommit{}}},
		{get, "/repos/{owner}/{repo}/readme", right.RepoFetch, d.walks(d.getReadme), "Get a repository README", doc{query: "ref", out: contentFile{}}},
		{get, "/repos/{owner}/{repo}/readme/{dir...}", right.RepoFetch, d.walks(d.getReadme), "Get a repository README for a directory", doc{query: "ref", out: contentFile{}}},
		{get, "/repos/{owner}/{repo}/raw/{rest...}", right.RepoFetch, d.walks(d.getRaw), "Download a file", doc{out: file{kind: "application/octet-stream"}}},
		{get, "/repos/{owner}/{repo}/tarball", right.RepoFetch, d.walks(d.archiveLink(tarball)), "Download the default branch as a tar archive", doc{code: http.StatusFound}},
		{get, "/repos/{owner}/{repo}/tarball/{ref...}", right.RepoFetch, d.walks(d.archiveLink(tarball)), "Download a repository archive (tar)", doc{code: http.StatusFound}},
		{get, "/repos/{owner}/{repo}/zipball", right.RepoFetch, d.walks(d.archiveLink(zipball)), "Download the default branch as a zip archive", doc{code: http.StatusFound}},
		{get, "/repos/{owner}/{repo}/zipball/{ref...}", right.RepoFetch, d.walks(d.archiveLink(zipball)), "Download a repository archive (zip)", doc{code: http.StatusFound}},
		{get, "/repos/{owner}/{repo}/" + tarball.folder + "/{ref...}", right.RepoFetch, d.walks(d.archive(tarball)), "What the link to a tar archive leads to", doc{out: file{kind: tarball.kind}}},
		{get, "/repos/{owner}/{repo}/" + zipball.folder + "/{ref...}", right.RepoFetch, d.walks(d.archive(zipball)), "What the link to a zip archive leads to", doc{out: file{kind: zipball.kind}}},
	}
}

// contentEntry is GitHub's "content-directory" item.
type contentEntry struct {
	Type        string       `json:"type"`
	Size        int64        `json:"size"`
	Name        string       `json:"name"`
	Path        string       `json:"path"`
	SHA         string       `json:"sha"`
	URL         string       `json:"url"`
	GitURL      *string      `json:"git_url"`
	HTMLURL     *string      `json:"html_url"`
	DownloadURL *string      `json:"download_url"`
	Links       contentLinks `json:"_links"`
}

type contentLinks struct {
	Self string  `json:"self"`
	Git  *string `json:"git"`
	HTML *string `json:"html"`
}

// contentFile is GitHub's "content-file".
type contentFile struct {
	contentEntry
	Content  string `json:"content"`
	Encoding string `json:"encoding"`
}

// contentSymlink is one that leads to no file of the repository.
type contentSymlink struct {
	contentEntry
	Target string `json:"target"`
}

type contentSubmodule struct {
	contentEntry
	GitURL *string `json:"submodule_git_url"`
}

// contentTree is what the media type object asks for of a folder.
type contentTree struct {
	contentEntry
	Entries []contentEntry `json:"entries"`
}

// The limits of GitHub's contents.
const (
	inlineBytes  = 1 << 20
	contentBytes = 100 << 20
	maxEntries   = 1000
	maxLinks     = 8 // symbolic links that are followed, one after the other
)

// refName is how URLs name what a view is at: the caller's word, or the branch.
func refName(v *gitstore.View, asked string) string {
	if asked != "" {
		return asked
	}
	return strings.TrimPrefix(v.Ref, "refs/heads/")
}

func (c *call) contentEntry(kind, file string, e object.Entry, size int64, ref string) contentEntry {
	where, at := escaped(file), escaped(ref)
	sub := "/blobs/"
	page := "/blob/"
	if e.Mode.IsDir() {
		sub, page = "/trees/", "/tree/"
	}
	git, html, download := c.repoURL("/git"+sub+string(e.ID)), c.repoPage(page+at+"/"+where), c.repoURL("/raw/"+at+"/"+where)
	self := c.repoURL("/contents/" + where)
	if ref != "" {
		self += "?ref=" + strings.ReplaceAll(escaped(ref), "/", "%2F")
	}
	out := contentEntry{Type: kind, Size: size, Name: path.Base(file), Path: file, SHA: string(e.ID), URL: self, GitURL: &git, HTMLURL: &html, DownloadURL: &download,
		Links: contentLinks{Self: self, Git: &git, HTML: &html}}
	if file == "" {
		out.Name = ""
	}
	if e.Mode.IsDir() || e.Mode.IsSubmodule() {
		out.DownloadURL = nil
	}
	if e.Mode.IsSubmodule() {
		out.GitURL, out.HTMLURL, out.Links.Git, out.Links.HTML = nil, nil, nil, nil
	}
	return out
}

func (d *Door) getContent(c *call) (any, error) {
	ref := c.query("ref")
	v, err := c.view(ref)
	if err == gitstore.ErrEmpty {
		return nil, notFound("This repository is empty.")
	}
	if err != nil {
		return nil, instead(err, notFound("No commit found for the ref "+cut(ref, 200)))
	}
	defer v.Close()
	file := strings.Trim(c.r.PathValue("path"), "/")
	e, err := v.Entry(file)
	if err != nil {
		return nil, instead(err, errNotFound)
	}
	return c.content(v, file, e, refName(v, ref))
}

func (c *call) content(v *gitstore.View, file string, e object.Entry, ref string) (any, error) {
	switch {
	case e.Mode.IsDir():
		return c.folder(v, file, e, ref)
	case e.Mode.IsSubmodule():
		return c.submodule(v, file, e, ref)
	case e.Mode.IsSymlink():
		return c.symlink(v, file, e, ref, maxLinks)
	}
	return c.blob(v, file, e, ref)
}

func (c *call) folder(v *gitstore.View, dir string, e object.Entry, ref string) (any, error) {
	t, err := v.Tree(dir, maxEntries)
	if err != nil {
		return nil, err
	}
	out := make([]contentEntry, len(t.Entries))
	for i, one := range t.Entries {
		kind, size := "file", int64(0)
		switch {
		case one.Mode.IsDir():
			kind = "dir"
		case one.Mode.IsSymlink():
			kind = "symlink"
		}
		if !one.Mode.IsDir() && !one.Mode.IsSubmodule() {
			if size, err = v.SizeOf(one.ID); err != nil {
				return nil, err
			}
		}
		out[i] = c.contentEntry(kind, path.Join(dir, one.Name), one, size, ref) // a submodule is a "file" in GitHub's lists
	}
	if c.media() == "object" {
		c.w.Header().Set("X-GitHub-Media-Type", "github.v3; param=object; format=json")
		return contentTree{c.contentEntry("dir", dir, e, 0, ref), out}, nil
	}
	return out, nil
}

// blob answers with a file.
func (c *call) blob(v *gitstore.View, file string, e object.Entry, ref string) (any, error) {
	size, err := v.SizeOf(e.ID)
	if err != nil {
		return nil, err
	}
	if size > contentBytes {
		return nil, &statusError{code: http.StatusForbidden, problem: problem.New(problem.TooLarge,
			"This API returns files of up to 100 MB. This one is larger.", "Download it from "+c.repoURL("/raw/"+escaped(ref)+"/"+escaped(file))+", or clone the repository.")}
	}
	b := gitstore.Blob{Entry: e, Size: size}
	switch c.media() {
	case "raw":
		return c.rawBlob(v, b)
	case "html":
		return c.rendered(v, b, file, ref)
	}
	out := contentFile{contentEntry: c.contentEntry("file", file, e, size, ref), Encoding: "none"}
	if size <= inlineBytes {
		data, err := v.Read(b, inlineBytes)
		if err != nil {
			return nil, err
		}
		out.Content, out.Encoding = base64Lines(data), "base64"
	}
	return out, nil
}

// base64Lines is how GitHub writes content: 60 characters on a line.
func base64Lines(data []byte) string {
	text := base64.StdEncoding.EncodeToString(data)
	var b strings.Builder
	b.Grow(len(text) + len(text)/60 + 1)
	for len(text) > 60 {
		b.WriteString(text[:60])
		b.WriteByte('\n')
		text = text[60:]
	}
	if text != "" {
		b.WriteString(text)
		b.WriteByte('\n')
	}
	return b.String()
}

// rawBlob answers with the bytes. A large file is read while it is sent.
func (c *call) rawBlob(v *gitstore.View, b gitstore.Blob) (any, error) {
	if b.Size <= inlineBytes {
		data, err := v.Read(b, inlineBytes)
		if err != nil {
			return nil, err
		}
		c.w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
		return c.plain("raw", data), nil
	}
	c.w.Header().Set("X-GitHub-Media-Type", "github.v3; param=raw")
	return &stream{kind: "application/vnd.github.raw; charset=utf-8", size: b.Size, etag: `W/"` + string(b.ID) + `"`,
		open: func(ctx context.Context) (io.ReadCloser, error) { return v.Stream(ctx, b) }}, nil
}

// rendered answers with HTML: Markdown is rendered, other text stands as it is.
func (c *call) rendered(v *gitstore.View, b gitstore.Blob, file, ref string) (any, error) {
	data, err := v.Read(b, inlineBytes)
	if err != nil {
		return nil, err
	}
	c.w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	switch strings.ToLower(path.Ext(file)) {
	case ".md", ".markdown":
		html, err := markdown.Render(data, markdown.Options{Dir: path.Dir("/" + file)[1:],
			Link:  func(p string) string { return c.repoPage("/blob/" + escaped(ref) + "/" + escaped(p)) },
			Image: func(p string) string { return c.repoPage("/raw/" + escaped(ref) + "/" + escaped(p)) }})
		if err == nil {
			return c.plain("html", []byte(html)), nil
		}
	}
	if !utf8.Valid(data) {
		return c.plain("raw", data), nil
	}
	return c.plain("html", []byte("<pre>"+htmlEscaper.Replace(string(data))+"</pre>")), nil
}

// htmlEscaper is what html.EscapeString does.
var htmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

// symlink follows a link to a file of the repository, as GitHub does, and answers
// with the link itself when it leads elsewhere. It never leaves the tree.
func (c *call) symlink(v *gitstore.View, file string, e object.Entry, ref string, left int) (any, error) {
	data, err := v.Read(gitstore.Blob{Entry: e}, 4096)
	if err != nil {
		return nil, err
	}
	target := string(data)
	to := path.Join(path.Dir(file), target)
	if left > 0 && !strings.HasPrefix(target, "/") && to != ".." && !strings.HasPrefix(to, "../") {
		if found, err := v.Entry(to); err == nil {
			switch {
			case found.Mode.IsFile():
				return c.blob(v, to, found, ref)
			case found.Mode.IsSymlink():
				return c.symlink(v, to, found, ref, left-1)
			}
		} else if !problem.Is(err, problem.NotFound) {
			return nil, err
		}
	}
	if c.media() == "raw" {
		return c.plain("raw", data), nil
	}
	return contentSymlink{c.contentEntry("symlink", file, e, int64(len(data)), ref), target}, nil
}

func (c *call) submodule(v *gitstore.View, file string, e object.Entry, ref string) (any, error) {
	out := contentSubmodule{contentEntry: c.contentEntry("submodule", file, e, 0, ref)}
	b, err := v.Blob(".gitmodules")
	if problem.Is(err, problem.NotFound) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	data, err := v.Read(b, inlineBytes)
	if err != nil {
		return nil, instead(err, nil)
	}
	out.GitURL = optional(submoduleURL(string(data), file))
	return out, nil
}

// submoduleURL reads where .gitmodules has the submodule of a path.
func submoduleURL(text, file string) string {
	var where, url string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			if where == file {
				return url
			}
			where, url = "", ""
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(key) {
		case "path":
			where = strings.Trim(strings.TrimSpace(value), `"`)
		case "url":
			url = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	if where == file {
		return url
	}
	return ""
}

func (d *Door) getReadme(c *call) (any, error) {
	ref := c.query("ref")
	v, err := c.view(ref)
	if err != nil {
		return nil, instead(err, errNotFound)
	}
	defer v.Close()
	dir := strings.Trim(c.r.PathValue("dir"), "/")
	t, err := v.Tree(dir, 100_000)
	if err != nil {
		return nil, instead(err, errNotFound)
	}
	name := gitstore.ReadmeOf(t.Entries)
	if name == "" {
		return nil, errNotFound
	}
	file := path.Join(dir, name)
	e, err := v.Entry(file)
	if err != nil {
		return nil, err
	}
	return c.blob(v, file, e, refName(v, ref))
}

// getRaw is what download_url leads to.
func (d *Door) getRaw(c *call) (any, error) {
	v, file, err := c.git().ViewPath(c.ctx(), c.r.PathValue("rest"))
	if err != nil {
		return nil, instead(err, errNotFound)
	}
	defer v.Close()
	b, err := v.Blob(file)
	if err != nil {
		return nil, instead(err, errNotFound)
	}
	if b.Size <= inlineBytes {
		data, err := v.Read(b, inlineBytes)
		if err != nil {
			return nil, err
		}
		c.w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
		return answerFile(rawType(file), data), nil
	}
	return &stream{kind: rawType(file), size: b.Size, etag: `W/"` + string(b.ID) + `"`,
		open: func(ctx context.Context) (io.ReadCloser, error) { return v.Stream(ctx, b) }}, nil
}

func answerFile(kind string, data []byte) file { return file{kind: kind, bytes: data} }

// rawType never says HTML or anything else that a browser runs: it is the
// repository's content, on this host's own address.
func rawType(file string) string {
	kind := mime.TypeByExtension(path.Ext(file))
	for _, fine := range []string{"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "application/zip", "application/gzip", "application/json"} {
		if strings.HasPrefix(kind, fine) {
			return kind
		}
	}
	return "application/octet-stream"
}
