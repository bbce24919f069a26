package rest

import (
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/problem"
)

// gitTag is GitHub's "git-tag".
type gitTag struct {
	NodeID       string       `json:"node_id"`
	Tag          string       `json:"tag"`
	SHA          string       `json:"sha"`
	URL          string       `json:"url"`
	Message      string       `json:"message"`
	Tagger       gitPerson    `json:"tagger"`
	Object       refTarget    `json:"object"`
	Verification verification `json:"verification"`
}

func (c *call) gitTag(t *object.Tag) (gitTag, error) {
	verdict, err := c.verifyTags(*t)
	if err != nil {
		return gitTag{}, err
	}
	id := string(t.ID)
	return gitTag{NodeID: gitNode("Tag", int64(c.repo.ID), t.ID), Tag: t.Name, SHA: id, URL: c.repoURL("/git/tags/" + id), Message: t.Message,
		Tagger: personOf(t.Tagger), Object: c.refTarget(t.Target, t.Kind), Verification: verdict[0]}, nil
}

func (d *Door) getGitTag(c *call) (any, error) {
	v, err := c.opened()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	id, data, err := c.object(v, c.r.PathValue("tag_sha"), object.KindTag, maxWordsBytes)
	if err != nil {
		return nil, err
	}
	t, err := object.ParseTag(id, data)
	if err != nil {
		return nil, err
	}
	return c.gitTag(&t)
}

// tagInput is the body of a new annotated tag.
type tagInput struct {
	Tag     *string         `json:"tag"`
	Message *string         `json:"message"`
	Object  *string         `json:"object"`
	Type    *string         `json:"type"`
	Tagger  *signatureInput `json:"tagger,omitempty"`
}

func (d *Door) createTag(c *call) (any, error) {
	var in tagInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	for name, v := range map[string]*string{"tag": in.Tag, "message": in.Message, "object": in.Object, "type": in.Type} {
		if v == nil {
			return nil, wasNotSupplied(name)
		}
	}
	if !object.CheckRefName("refs/tags/" + *in.Tag) {
		return nil, problem.Field("tag", "tag is not a valid name of a tag")
	}
	f, err := c.addition()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	target := object.ID(strings.ToLower(*in.Object))
	kind, err := f.Kind(target)
	if err != nil {
		return nil, err
	}
	if kind == "" || string(kind) != *in.Type {
		return nil, unprocessable("Object does not exist or is not a " + cut(*in.Type, 20))
	}
	me, err := c.signer()
	if err != nil {
		return nil, err
	}
	tagger, err := in.Tagger.signature("tagger", me)
	if err != nil {
		return nil, err
	}
	text := "object " + string(target) + "\ntype " + string(kind) + "\ntag " + *in.Tag + "\ntagger " + tagger.Line() + "\n\n" + *in.Message
	id, err := f.Add(object.KindTag, []byte(text))
	if err != nil {
		return nil, err
	}
	if err := c.make(f, ""); err != nil {
		return nil, secretIn422(err)
	}
	t, err := object.ParseTag(id, []byte(text))
	if err != nil {
		return nil, err
	}
	out, err := c.gitTag(&t)
	if err != nil {
		return nil, err
	}
	c.w.Header().Set("Location", out.URL)
	return out, nil
}

// tagAnswer is GitHub's "tag": a ref with the commit that it leads to.
type tagAnswer struct {
	Name       string `json:"name"`
	Commit     shaURL `json:"commit"`
	ZipballURL string `json:"zipball_url"`
	TarballURL string `json:"tarball_url"`
	NodeID     string `json:"node_id"`
}

func (d *Door) listTags(c *call) (any, error) {
	refs, err := c.git().Refs(c.ctx())
	if err != nil {
		return nil, err
	}
	all := refs.Tags()
	page, perPage := c.page()
	c.link(page, perPage, len(all))
	out := []tagAnswer{}
	// Newest names first, as GitHub has them: in the order of names, backwards.
	for i := len(all) - 1 - (page-1)*perPage; i >= 0 && len(out) < perPage; i-- {
		t := all[i]
		commit, name := string(t.Commit()), t.Short()
		out = append(out, tagAnswer{Name: name, Commit: shaURL{commit, c.repoURL("/commits/" + commit)},
			ZipballURL: c.repoURL("/zipball/refs/tags/" + escaped(name)), TarballURL: c.repoURL("/tarball/refs/tags/" + escaped(name)),
			NodeID: gitNode("Ref", int64(c.repo.ID), object.ID(name))})
	}
	return out, nil
}
