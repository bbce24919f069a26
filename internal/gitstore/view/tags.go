package view

import (
	"slices"

	"jeton/internal/gitstore/bare"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/ref"
	"jeton/internal/problem"
)

// Tagged is one tag of a list. What of it cannot be read stays nil.
type Tagged struct {
	ref.Ref
	Tag    *object.Tag    // of an annotated tag
	Commit *object.Commit // that it leads to; nil when it leads to something else
}

// Tags lists the repository's tags from the last name to the first: at most limit
// after the first skip. more tells whether others follow.
func (v *View) Tags(skip, limit int) (list []Tagged, more bool, err error) {
	refs := v.Refs.Tags()
	end := max(len(refs)-skip, 0)
	begin := max(end-limit, 0)
	for _, ref := range slices.Backward(refs[begin:end]) {
		t, err := v.tagged(ref)
		if err != nil {
			return nil, false, err
		}
		list = append(list, t)
	}
	return list, begin > 0, nil
}

func (v *View) tagged(ref ref.Ref) (Tagged, error) {
	t := Tagged{Ref: ref}
	if ref.Peeled != "" {
		tag, ok, err := v.tagObject(ref)
		if err != nil && !unreadable(err) {
			return t, err
		}
		if ok {
			t.Tag = &tag
		}
	}
	c, err := v.commit(ref.Commit())
	if err == nil {
		t.Commit = &c
	} else if !unreadable(err) {
		return t, err
	}
	return t, nil
}

// unreadable reports whether one tag is to blame rather than the repository: it
// names a file, for one, or is too large.
func unreadable(err error) bool {
	return problem.Is(err, problem.NotFound) || problem.Is(err, problem.TooLarge)
}

func (v *View) tagObject(ref ref.Ref) (object.Tag, bool, error) {
	data, err := v.repo.Read(v.ctx, ref.ID, object.KindTag, bare.MaxTag)
	if err != nil {
		return object.Tag{}, false, err
	}
	tag, err := object.ParseTag(ref.ID, data)
	return tag, err == nil, err
}
