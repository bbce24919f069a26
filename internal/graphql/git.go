package graphql

import (
	"context"
	"path"
	"strings"
	"unicode/utf8"

	gql "github.com/graph-gophers/graphql-go"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/httpkit"
	"jeton/internal/problem"
	"jeton/internal/right"
)

const (
	maxText    = 512 << 10 // bytes of a file that are shown as text, as on GitHub
	maxEntries = 1_000     // of one folder
)

// ref answers the fields of Ref.
type ref struct {
	repo *repository
	ref  gitstore.Ref
}

// ID is the global identifier.
func (r *ref) ID() gql.ID {
	return gql.ID(httpkit.NodeIDOf("Ref", key(r.repo, object.ID(r.ref.Name))))
}

// Name is the name without the prefix.
func (r *ref) Name() string { return strings.TrimPrefix(r.ref.Name, r.Prefix()) }

// Prefix is refs/heads/, refs/tags/ or what else the name begins with.
func (r *ref) Prefix() string {
	parts := strings.SplitN(r.ref.Name, "/", 3)
	if len(parts) < 3 {
		return "refs/"
	}
	return parts[0] + "/" + parts[1] + "/"
}

// Repository is whose ref it is.
func (r *ref) Repository() *repository { return r.repo }

// Target is what it names: a commit or an annotated tag.
func (r *ref) Target(ctx context.Context) (*gitObject, error) {
	v, err := r.repo.view(ctx, r.ref.Name)
	if v == nil || err != nil {
		return nil, err
	}
	defer v.Close()
	annotated, ok, err := v.Tag()
	if err != nil {
		return nil, err
	}
	c := &commit{objectOf(r.repo, v.Commit.ID, "Commit"), v.Commit}
	if ok {
		return &gitObject{&tag{objectOf(r.repo, annotated.ID, "Tag"), annotated, c}}, nil
	}
	return &gitObject{c}, nil
}

// view opens a revision; nil when there is none of that name.
func (r *repository) view(ctx context.Context, rev string) (*gitstore.View, error) {
	s := sessionOf(ctx)
	if err := r.d.o.Gate.CheckRepo(&s.actor, right.RepoFetch, &r.r); err != nil {
		return nil, err
	}
	if s.nodes.Add(-1) < 0 {
		return nil, &failure{"MAX_NODE_LIMIT_EXCEEDED", "This query reads too many objects. Ask for fewer at a time."}
	}
	v, err := r.sight(ctx).View(ctx, rev)
	if problem.Is(err, problem.NotFound) {
		return nil, nil
	}
	return v, err
}

// Object finds what an expression ("main", "main:folder/file") or an id names.
// Of ids only those of commits are known, since what else can be reached is told
// by a path.
func (r *repository) Object(ctx context.Context, args struct {
	Expression *string
	Oid        *oid
}) (*gitObject, error) {
	rev, file := "", ""
	switch {
	case args.Oid != nil:
		rev = string(*args.Oid)
	case args.Expression != nil:
		rev, file, _ = strings.Cut(*args.Expression, ":")
		if !strings.Contains(*args.Expression, ":") {
			file = "\x00"
		}
	default:
		return nil, &failure{"UNPROCESSABLE", "Give `expression` or `oid`."}
	}
	if rev == "" && args.Oid != nil {
		return nil, nil
	}
	v, err := r.view(ctx, rev)
	if v == nil || err != nil {
		return nil, err
	}
	defer v.Close()
	c := &commit{objectOf(r, v.Commit.ID, "Commit"), v.Commit}
	if args.Oid != nil || file == "\x00" {
		return &gitObject{c}, nil
	}
	e, err := v.Entry(file)
	if problem.Is(err, problem.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.at(c.c.ID, strings.Trim(file, "/"), e), nil
}

// at is what lies at a path of a commit; nil for a submodule, whose object is
// elsewhere.
func (r *repository) at(commit object.ID, file string, e object.Entry) *gitObject {
	switch {
	case e.Mode.IsDir():
		return &gitObject{&tree{objectOf(r, e.ID, "Tree"), commit, file}}
	case e.Mode.IsSubmodule():
		return nil
	}
	return &gitObject{&blob{objectOf(r, e.ID, "Blob"), commit, file}}
}

// anObject answers the fields of GitObject.
type anObject struct {
	repo *repository
	id   object.ID
	kind string
}

func objectOf(r *repository, id object.ID, kind string) anObject { return anObject{r, id, kind} }

// ID is the global identifier.
func (o anObject) ID() gql.ID { return gql.ID(httpkit.NodeIDOf(o.kind, key(o.repo, o.id))) }

// Oid is the object's name in Git.
func (o anObject) Oid() oid { return oid(o.id) }

// AbbreviatedOid is the beginning of the name.
func (o anObject) AbbreviatedOid() string { return o.id.Short() }

// Repository is where the object was asked for.
func (o anObject) Repository() *repository { return o.repo }

// CommitResourcePath is the page of the object, below the host.
func (o anObject) CommitResourcePath() uri {
	return uri("/" + o.repo.r.FullName() + "/commit/" + string(o.id))
}

// CommitURL is the page of the object.
func (o anObject) CommitURL() uri { return uri(o.repo.page("/commit/" + string(o.id))) }

// gitObject is the interface GitObject.
type gitObject struct{ someObject }

type someObject interface {
	ID() gql.ID
	Oid() oid
	AbbreviatedOid() string
	Repository() *repository
	CommitResourcePath() uri
	CommitURL() uri
}

// ToCommit is for fragments on Commit.
func (o *gitObject) ToCommit() (*commit, bool) { v, ok := o.someObject.(*commit); return v, ok }

// ToTree is for fragments on Tree.
func (o *gitObject) ToTree() (*tree, bool) { v, ok := o.someObject.(*tree); return v, ok }

// ToBlob is for fragments on Blob.
func (o *gitObject) ToBlob() (*blob, bool) { v, ok := o.someObject.(*blob); return v, ok }

// ToTag is for fragments on Tag.
func (o *gitObject) ToTag() (*tag, bool) { v, ok := o.someObject.(*tag); return v, ok }

// tree answers the fields of Tree: a folder at a commit.
type tree struct {
	anObject
	commit object.ID
	path   string
}

// Entries are what the folder holds, up to a thousand.
func (t *tree) Entries(ctx context.Context) (*[]*treeEntry, error) {
	v, err := t.repo.view(ctx, string(t.commit))
	if v == nil || err != nil {
		return nil, err
	}
	defer v.Close()
	list, err := v.Tree(t.path, maxEntries)
	if err != nil {
		return nil, err
	}
	if list.Truncated {
		return nil, &failure{"RESOURCE_LIMITS_EXCEEDED", "This folder has more entries than are listed here. Clone the repository to see them all."}
	}
	if sessionOf(ctx).nodes.Add(-int64(len(list.Entries))) < 0 {
		return nil, &failure{"MAX_NODE_LIMIT_EXCEEDED", "This query asks for too many nodes."}
	}
	out := make([]*treeEntry, len(list.Entries))
	for i, e := range list.Entries {
		out[i] = &treeEntry{t, e}
	}
	return &out, nil
}

// treeEntry answers the fields of TreeEntry.
type treeEntry struct {
	in *tree
	e  object.Entry
}

// Name is the file's name.
func (e *treeEntry) Name(ctx context.Context) (string, error) { return words(ctx, e.e.Name) }

// Path is the file's name with its folders.
func (e *treeEntry) Path(ctx context.Context) (*string, error) {
	return optionalWords(ctx, path.Join(e.in.path, e.e.Name))
}

// Extension is what follows the name's last dot, with it.
func (e *treeEntry) Extension(ctx context.Context) (*string, error) {
	return optionalWords(ctx, path.Ext(e.e.Name))
}

// Mode is git's mode as a number.
func (e *treeEntry) Mode() int32 { return int32(e.e.Mode) }

// Oid is the object's name.
func (e *treeEntry) Oid() oid { return oid(e.e.ID) }

// Type is blob, tree or commit.
func (e *treeEntry) Type() string {
	switch {
	case e.e.Mode.IsDir():
		return "tree"
	case e.e.Mode.IsSubmodule():
		return "commit"
	}
	return "blob"
}

// Object is the file or the folder.
func (e *treeEntry) Object() *gitObject {
	return e.in.repo.at(e.in.commit, path.Join(e.in.path, e.e.Name), e.e)
}

// Size is a file's size in bytes, and 0 for what is no file.
func (e *treeEntry) Size(ctx context.Context) (int32, error) {
	b, ok := e.Object().someObject.(*blob)
	if !ok {
		return 0, nil
	}
	return b.ByteSize(ctx)
}

// blob answers the fields of Blob: a file at a commit.
type blob struct {
	anObject
	commit object.ID
	path   string
}

// head reads the file's beginning.
func (b *blob) head(ctx context.Context, limit int64) (gitstore.Blob, []byte, error) {
	v, err := b.repo.view(ctx, string(b.commit))
	if v == nil || err != nil {
		return gitstore.Blob{}, nil, err
	}
	defer v.Close()
	found, err := v.Blob(b.path)
	if err != nil || limit == 0 {
		return found, nil, err
	}
	data, err := v.ReadHead(found, limit)
	return found, data, err
}

// ByteSize is the file's size.
func (b *blob) ByteSize(ctx context.Context) (int32, error) {
	found, _, err := b.head(ctx, 0)
	return int32(min(found.Size, 1<<31-1)), err
}

// IsBinary reports whether the file is no text.
func (b *blob) IsBinary(ctx context.Context) (*bool, error) {
	_, data, err := b.head(ctx, 8000)
	if err != nil {
		return nil, err
	}
	binary := strings.ContainsRune(string(data), 0)
	return &binary, nil
}

// IsTruncated reports whether text leaves something out.
func (b *blob) IsTruncated(ctx context.Context) (bool, error) {
	found, _, err := b.head(ctx, 0)
	return found.Size > maxText, err
}

// Text is the file's beginning; nil for what is no text.
func (b *blob) Text(ctx context.Context) (*string, error) {
	_, data, err := b.head(ctx, maxText)
	if err != nil {
		return nil, err
	}
	for cut := 0; cut < utf8.UTFMax && len(data) == maxText && !utf8.Valid(data); cut++ {
		data = data[:len(data)-1] // a character that the limit cut in two
	}
	if !utf8.Valid(data) || strings.ContainsRune(string(data), 0) {
		return nil, nil
	}
	text, err := words(ctx, string(data))
	return &text, err
}

// tag answers the fields of Tag: an annotated tag.
type tag struct {
	anObject
	t      object.Tag
	target *commit
}

// Name is the tag's name.
func (t *tag) Name(ctx context.Context) (string, error) { return words(ctx, t.t.Name) }

// Message is what the tagger wrote.
func (t *tag) Message(ctx context.Context) (*string, error) {
	return optionalWords(ctx, t.t.Message)
}

// Tagger is who made it.
func (t *tag) Tagger() *gitActor { return actorOf(t.repo.d, t.t.Tagger) }

// Target is the commit that it names in the end.
func (t *tag) Target() *gitObject { return &gitObject{t.target} }
