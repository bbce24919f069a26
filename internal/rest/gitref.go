package rest

import (
	"net/http"
	"strings"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
)

// gitRef is GitHub's "git-ref".
type gitRef struct {
	Ref    string    `json:"ref"`
	NodeID string    `json:"node_id"`
	URL    string    `json:"url"`
	Object refTarget `json:"object"`
}

type refTarget struct {
	SHA  string `json:"sha"`
	Type string `json:"type"`
	URL  string `json:"url"`
}

func (c *call) refTarget(id object.ID, kind object.Kind) refTarget {
	return refTarget{SHA: string(id), Type: string(kind), URL: c.repoURL("/git/" + string(kind) + "s/" + string(id))}
}

func (c *call) gitRef(name string, id object.ID, kind object.Kind) gitRef {
	return gitRef{Ref: name, NodeID: gitNode("Ref", int64(c.repo.ID), object.ID(name)), URL: c.repoURL("/git/" + escaped(name)), Object: c.refTarget(id, kind)}
}

// fullRef is a ref as the path names it: with or without "refs/" before it.
func (c *call) fullRef() string {
	ref := c.r.PathValue("ref")
	if strings.HasPrefix(ref, "refs/") {
		return ref
	}
	return "refs/" + ref
}

func (d *Door) getRef(c *call) (any, error) {
	v, err := c.opened()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	ref, ok := v.Refs.Get(c.fullRef())
	if !ok {
		return nil, errNotFound
	}
	kind, err := v.Kind(ref.ID)
	if err != nil {
		return nil, err
	}
	return c.gitRef(ref.Name, ref.ID, kind), nil
}

func (d *Door) matchingRefs(c *call) (any, error) {
	v, err := c.opened()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	all := v.Refs.Prefix(c.fullRef())
	page, perPage := c.page()
	if c.query("page") == "" && c.query("per_page") == "" {
		perPage = maxMatching
	}
	c.link(page, perPage, len(all))
	return c.refs(v, paged(all, page, perPage))
}

// maxMatching is how many refs one answer has when no page is asked for: GitHub
// does not page them, and clients do not ask.
const maxMatching = 10_000

func (c *call) refs(v *gitstore.View, list []gitstore.Ref) (any, error) {
	out := make([]gitRef, len(list))
	for i, ref := range list {
		kind := object.KindCommit
		if !strings.HasPrefix(ref.Name, "refs/heads/") {
			var err error
			if kind, err = v.Kind(ref.ID); err != nil {
				return nil, err
			}
		}
		out[i] = c.gitRef(ref.Name, ref.ID, kind)
	}
	return out, nil
}

type refInput struct {
	Ref *string `json:"ref"`
	SHA *string `json:"sha"`
}

// badRef is GitHub's answer to a name that no ref can have.
func badRef(name string) error { return unprocessable(cut(name, 200) + " is not a valid ref name.") }

func (d *Door) createRef(c *call) (any, error) {
	var in refInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	switch {
	case in.Ref == nil:
		return nil, wasNotSupplied("ref")
	case in.SHA == nil:
		return nil, wasNotSupplied("sha")
	case !strings.HasPrefix(*in.Ref, "refs/") || strings.Count(*in.Ref, "/") < 2:
		return nil, unprocessable("Reference name must start with 'refs/'.")
	case !object.CheckRefName(*in.Ref) || !object.Visible(*in.Ref):
		return nil, badRef(*in.Ref)
	}
	id, kind, err := c.named(*in.SHA)
	if err != nil {
		return nil, err
	}
	if err := c.move(nil, false, wire.Update{Name: *in.Ref, Old: zeroOf(id), New: id}); err != nil {
		return nil, err
	}
	out := c.gitRef(*in.Ref, id, kind)
	c.w.Header().Set("Location", out.URL)
	return out, nil
}

// named is the object that a ref shall name: one that is in reach or that the
// caller made.
func (c *call) named(sha string) (object.ID, object.Kind, error) {
	f, err := c.addition()
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	id, ok := f.Format().ParseID(strings.ToLower(sha))
	if !ok {
		return "", "", unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	}
	kind, err := f.Kind(id)
	if err == nil && kind == "" {
		err = unprocessable("Object does not exist")
	}
	return id, kind, err
}

// zeroOf is the id of nothing, in the format of an id.
func zeroOf(id object.ID) object.ID { return object.ID(strings.Repeat("0", len(id))) }

type refUpdateInput struct {
	SHA   *string `json:"sha"`
	Force bool    `json:"force,omitempty"`
}

func (d *Door) updateRef(c *call) (any, error) {
	name := c.fullRef()
	var in refUpdateInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.SHA == nil {
		return nil, wasNotSupplied("sha")
	}
	old, err := c.existing(name)
	if err != nil {
		return nil, err
	}
	id, kind, err := c.named(*in.SHA)
	if err != nil {
		return nil, err
	}
	if id != old {
		if err := c.move(nil, !in.Force, wire.Update{Name: name, Old: old, New: id}); err != nil {
			return nil, err
		}
	}
	return c.gitRef(name, id, kind), nil
}

// existing is where a ref is now.
func (c *call) existing(name string) (object.ID, error) {
	refs, err := c.git().Refs(c.ctx())
	if err != nil {
		return "", err
	}
	if err := notEmpty(refs); err != nil {
		return "", err
	}
	ref, ok := refs.Get(name)
	if !ok {
		return "", unprocessable("Reference does not exist")
	}
	return ref.ID, nil
}

func (d *Door) deleteRef(c *call) (any, error) {
	name := c.fullRef()
	old, err := c.existing(name)
	if err != nil {
		return nil, err
	}
	if name == "refs/heads/"+c.repo.DefaultBranch {
		return nil, status(http.StatusUnprocessableEntity, "Cannot delete the default branch")
	}
	return nil, c.move(nil, false, wire.Update{Name: name, Old: old, New: zeroOf(old)})
}
