package rest

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/problem"
	"jeton/internal/right"
)

func (d *Door) gitRoutes() []route {
	created := http.StatusCreated
	return []route{
		{post, "/repos/{owner}/{repo}/git/blobs", right.RepoPush, d.bulk(d.createBlob), "Create a blob", doc{in: blobInput{}, out: shaURL{}, code: created}},
		{get, "/repos/{owner}/{repo}/git/blobs/{file_sha}", right.RepoFetch, d.walks(d.getBlob), "Get a blob", doc{out: gitBlob{}}},
		{post, "/repos/{owner}/{repo}/git/trees", right.RepoPush, d.bulk(d.createTree), "Create a tree", doc{in: treeInput{}, out: gitTree{}, code: created}},
		{get, "/repos/{owner}/{repo}/git/trees/{tree_sha...}", right.RepoFetch, d.walks(d.getTree), "Get a tree", doc{query: "recursive", out: gitTree{}}},
		{post, "/repos/{owner}/{repo}/git/commits", right.RepoPush, d.createCommit, "Create a commit", doc{in: commitInput{}, out: gitCommit{}, code: created}},
		{get, "/repos/{owner}/{repo}/git/commits/{commit_sha}", right.RepoFetch, d.walks(d.getGitCommit), "Get a commit object", doc{out: gitCommit{}}},
		{post, "/repos/{owner}/{repo}/git/tags", right.RepoPush, d.createTag, "Create a tag object", doc{in: tagInput{}, out: gitTag{}, code: created}},
		{get, "/repos/{owner}/{repo}/git/tags/{tag_sha}", right.RepoFetch, d.walks(d.getGitTag), "Get a tag", doc{out: gitTag{}}},
		{get, "/repos/{owner}/{repo}/git/ref/{ref...}", right.RepoFetch, d.getRef, "Get a reference", doc{out: gitRef{}}},
		{get, "/repos/{owner}/{repo}/git/matching-refs/{ref...}", right.RepoFetch, d.matchingRefs, "List matching references", doc{query: "page per_page", out: []gitRef{}}},
		{post, "/repos/{owner}/{repo}/git/refs", right.RepoPush, d.createRef, "Create a reference", doc{in: refInput{}, out: gitRef{}, code: created}},
		{patch, "/repos/{owner}/{repo}/git/refs/{ref...}", right.RepoPush, d.updateRef, "Update a reference", doc{in: refUpdateInput{}, out: gitRef{}}},
		{del, "/repos/{owner}/{repo}/git/refs/{ref...}", right.RepoPush, d.deleteRef, "Delete a reference", doc{}},
	}
}

type blobInput struct {
	Content  *string `json:"content"`
	Encoding string  `json:"encoding,omitempty"`
}

// gitBlob is GitHub's "blob".
type gitBlob struct {
	SHA      string `json:"sha"`
	NodeID   string `json:"node_id"`
	Size     int64  `json:"size"`
	URL      string `json:"url"`
	Content  string `json:"content"`
	Encoding string `json:"encoding"`
}

func (d *Door) createBlob(c *call) (any, error) {
	var in blobInput
	if err := c.decodeLarge(&in); err != nil {
		return nil, err
	}
	if in.Content == nil {
		return nil, wasNotSupplied("content")
	}
	content := []byte(*in.Content)
	switch in.Encoding {
	case "", "utf-8", "utf8":
	case "base64":
		var err error
		if content, err = fromBase64(*in.Content); err != nil {
			return nil, unprocessable("Problems parsing the content: it is not valid Base64")
		}
	default:
		return nil, problem.Field("encoding", "encoding must be utf-8 or base64")
	}
	f, err := c.addition()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	id, err := f.Add(object.KindBlob, content)
	if err != nil {
		return nil, err
	}
	if err := c.make(f, ""); err != nil {
		return nil, secretIn422(err)
	}
	out := shaURL{string(id), c.repoURL("/git/blobs/" + string(id))}
	c.w.Header().Set("Location", out.URL)
	return out, nil
}

func (d *Door) getBlob(c *call) (any, error) {
	v, err := c.opened()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	id, ok := v.Refs.Format.ParseID(strings.ToLower(c.r.PathValue("file_sha")))
	if !ok {
		return nil, unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	}
	b, err := v.BlobByID(id)
	if problem.Is(err, problem.NotFound) {
		return c.madeBlob(id)
	}
	if err != nil {
		return nil, err
	}
	if b.Size > contentBytes {
		return nil, &statusError{code: http.StatusForbidden, problem: problem.New(problem.TooLarge, "This API returns blobs of up to 100 MB. The requested blob is larger.", "Clone the repository to get it.")}
	}
	if c.media() == "raw" {
		return c.rawBlob(v, b)
	}
	if b.Size > inlineBytes {
		leave, err := d.bulky.Enter(c.ctx(), c.who())
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	data, err := v.Read(b, contentBytes)
	if err != nil {
		return nil, err
	}
	return c.gitBlob(id, data), nil
}

func (c *call) madeBlob(id object.ID) (any, error) {
	o, err := c.made(id, object.KindBlob)
	if err != nil {
		return nil, instead(err, errNotFound)
	}
	if c.media() == "raw" {
		return c.plain("raw", o.Data), nil
	}
	return c.gitBlob(id, o.Data), nil
}

func (c *call) gitBlob(id object.ID, data []byte) gitBlob {
	return gitBlob{SHA: string(id), NodeID: gitNode("Blob", int64(c.repo.ID), id), Size: int64(len(data)), URL: c.repoURL("/git/blobs/" + string(id)),
		Content: base64Lines(data), Encoding: "base64"}
}

// gitTree is GitHub's "git-tree".
type gitTree struct {
	SHA       string      `json:"sha"`
	URL       string      `json:"url"`
	Tree      []treeEntry `json:"tree"`
	Truncated bool        `json:"truncated"`
}

type treeEntry struct {
	Path string  `json:"path"`
	Mode string  `json:"mode"`
	Type string  `json:"type"`
	SHA  string  `json:"sha"`
	Size *int64  `json:"size,omitempty"`
	URL  *string `json:"url,omitempty"`
}

// GitHub's bounds of one answer.
const (
	maxTreeEntries = 100_000
	maxTreeText    = 7 << 20
)

func (d *Door) getTree(c *call) (any, error) {
	v, err := c.opened()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	rev := c.r.PathValue("tree_sha")
	root, err := v.Root(rev)
	if problem.Is(err, problem.NotFound) {
		return c.madeTree(v.Refs.Format, rev)
	}
	if err != nil {
		return nil, err
	}
	out := gitTree{SHA: string(root), URL: c.repoURL("/git/trees/" + string(root)), Tree: []treeEntry{}}
	text := 0
	var failed error
	err = v.Walk(root, c.r.URL.Query().Has("recursive"), func(f gitstore.File) bool {
		if text += len(f.Path) + 60; len(out.Tree) == maxTreeEntries || text > maxTreeText {
			out.Truncated = true
			return false
		}
		var size int64
		if f.Mode.IsFile() || f.Mode.IsSymlink() {
			if size, failed = v.SizeOf(f.ID); failed != nil {
				return false
			}
		}
		out.Tree = append(out.Tree, c.treeEntry(f, size))
		return true
	})
	if err == nil {
		err = failed
	}
	return out, err
}

func (c *call) treeEntry(f gitstore.File, size int64) treeEntry {
	e := treeEntry{Path: f.Path, Mode: f.Mode.String(), SHA: string(f.ID), Type: "blob"}
	switch {
	case f.Mode.IsDir():
		e.Type = "tree"
		e.URL = optional(c.repoURL("/git/trees/" + e.SHA))
	case f.Mode.IsSubmodule():
		e.Type = "commit"
	default:
		e.URL, e.Size = optional(c.repoURL("/git/blobs/"+e.SHA)), &size
	}
	return e
}

// madeTree answers with a tree that the caller made, without the folders below.
func (c *call) madeTree(format object.Format, rev string) (any, error) {
	id, ok := format.ParseID(strings.ToLower(rev))
	if !ok {
		return nil, errNotFound
	}
	o, err := c.made(id, object.KindTree)
	if err != nil {
		return nil, instead(err, errNotFound)
	}
	return c.treeOf(format, o.ID, o.Data, func(object.ID) int64 { return 0 })
}

func (c *call) treeOf(format object.Format, id object.ID, data []byte, size func(object.ID) int64) (any, error) {
	out := gitTree{SHA: string(id), URL: c.repoURL("/git/trees/" + string(id)), Tree: []treeEntry{}}
	err := object.ParseTree(format, data, func(e object.Entry) bool {
		out.Tree = append(out.Tree, c.treeEntry(gitstore.File{Path: e.Name, Mode: e.Mode, ID: e.ID}, size(e.ID)))
		return len(out.Tree) < maxTreeEntries
	})
	return out, err
}

// gitCommit is GitHub's "git-commit".
type gitCommit struct {
	SHA          string       `json:"sha"`
	NodeID       string       `json:"node_id"`
	URL          string       `json:"url"`
	HTMLURL      string       `json:"html_url"`
	Author       gitPerson    `json:"author"`
	Committer    gitPerson    `json:"committer"`
	Tree         shaURL       `json:"tree"`
	Message      string       `json:"message"`
	Parents      []parent     `json:"parents"`
	Verification verification `json:"verification"`
}

func (c *call) gitCommit(one *object.Commit) (gitCommit, error) {
	verdict, err := c.verifyCommits(*one)
	if err != nil {
		return gitCommit{}, err
	}
	id := string(one.ID)
	out := gitCommit{SHA: id, NodeID: gitNode("Commit", int64(c.repo.ID), one.ID), URL: c.repoURL("/git/commits/" + id), HTMLURL: c.repoPage("/commit/" + id),
		Author: personOf(one.Author), Committer: personOf(one.Committer), Tree: shaURL{string(one.Tree), c.repoURL("/git/trees/" + string(one.Tree))},
		Message: one.Message, Parents: []parent{}, Verification: verdict[0]}
	for _, p := range one.Parents {
		out.Parents = append(out.Parents, parent{string(p), c.repoURL("/git/commits/" + string(p)), c.repoPage("/commit/" + string(p))})
	}
	return out, nil
}

const maxWordsBytes = 1 << 20 // of a commit or tag that is shown

func (d *Door) getGitCommit(c *call) (any, error) {
	v, err := c.opened()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	id, data, err := c.object(v, c.r.PathValue("commit_sha"), object.KindCommit, maxWordsBytes)
	if err != nil {
		return nil, err
	}
	one, err := object.ParseCommit(id, data)
	if err != nil {
		return nil, err
	}
	c.modified(one.Committer.When)
	return c.gitCommit(&one)
}

// commitInput is the body of a new commit.
type commitInput struct {
	Message   *string         `json:"message"`
	Tree      *string         `json:"tree"`
	Parents   []string        `json:"parents,omitempty"`
	Author    *signatureInput `json:"author,omitempty"`
	Committer *signatureInput `json:"committer,omitempty"`
	Signature string          `json:"signature,omitempty"`
}

const maxParents = 100

func (d *Door) createCommit(c *call) (any, error) {
	var in commitInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	switch {
	case in.Message == nil:
		return nil, wasNotSupplied("message")
	case in.Tree == nil:
		return nil, wasNotSupplied("tree")
	case !utf8.ValidString(in.Signature), strings.ContainsAny(in.Signature, "\x00\r"):
		return nil, problem.Field("signature", "signature must be the ASCII-armored signature")
	case len(in.Parents) > maxParents:
		return nil, problem.Field("parents", "a commit has 100 parents at most")
	}
	f, err := c.addition()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n := newCommit{message: *in.Message, signature: in.Signature, tree: object.ID(strings.ToLower(*in.Tree))}
	for _, p := range in.Parents {
		n.parents = append(n.parents, object.ID(strings.ToLower(p)))
	}
	kinds, err := f.Kinds(append([]object.ID{n.tree}, n.parents...))
	if err != nil {
		return nil, err
	}
	if kinds[n.tree] != object.KindTree {
		return nil, unprocessable("Tree SHA does not exist")
	}
	for _, p := range n.parents {
		if kinds[p] != object.KindCommit {
			return nil, unprocessable("Parent SHA does not exist or is not a commit object")
		}
	}
	// As on GitHub the committer is the author, if only that is given.
	if in.Committer == nil {
		in.Committer = in.Author
	}
	me, err := c.signer()
	if err != nil {
		return nil, err
	}
	if n.author, err = in.Author.signature("author", me); err != nil {
		return nil, err
	}
	if n.committer, err = in.Committer.signature("committer", n.author); err != nil {
		return nil, err
	}
	one, err := n.add(f)
	if err != nil {
		return nil, err
	}
	if err := c.make(f, n.tree); err != nil {
		return nil, secretIn422(err)
	}
	out, err := c.gitCommit(&one)
	if err != nil {
		return nil, err
	}
	c.w.Header().Set("Location", out.URL)
	return out, nil
}

// secretIn422 is how GitHub's Git database answers what its contents answer with
// 409.
func secretIn422(err error) error {
	if s, ok := err.(*statusError); ok && s.code == http.StatusConflict {
		return &statusError{code: http.StatusUnprocessableEntity, problem: s.problem, cause: s.cause}
	}
	return err
}
