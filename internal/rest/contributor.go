package rest

import (
	"net/http"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/language"
	"jeton/internal/problem"
)

// contributor is GitHub's "contributor" of an account.
type contributor struct {
	simpleUser
	Contributions int `json:"contributions"`
}

// anonymousContributor is one whose address no account has verified.
type anonymousContributor struct {
	Email         string `json:"email"`
	Name          string `json:"name"`
	Type          string `json:"type"`
	Contributions int    `json:"contributions"`
}

func (d *Door) listContributors(c *call) (any, error) {
	v, err := c.view("")
	if err == gitstore.ErrEmpty {
		return nil, nil // a 204, as GitHub has it
	}
	if err != nil {
		return nil, err
	}
	defer v.Close()
	all, err := v.Contributors()
	if err != nil {
		return nil, err
	}
	list, err := c.contributors(all, c.query("anon") == "1" || c.query("anon") == "true")
	if err != nil {
		return nil, err
	}
	page, perPage := c.page()
	c.link(page, perPage, len(list))
	return paged(list, page, perPage), nil
}

// contributors puts the addresses of one account together. As on GitHub the first
// 500 addresses alone are looked up, and the others are anonymous.
func (c *call) contributors(all []gitstore.Contributor, anonymous bool) ([]any, error) {
	var signs []object.Signature
	for _, one := range all[:min(len(all), 500)] {
		signs = append(signs, object.Signature{Email: one.Email})
	}
	who, err := c.people(signs...)
	if err != nil {
		return nil, err
	}
	out := []any{}
	at := map[int64]*contributor{}
	for _, one := range all {
		u := who.by(object.Signature{Email: one.Email})
		if u == nil {
			if anonymous {
				out = append(out, anonymousContributor{Email: one.Email, Name: one.Name, Type: "Anonymous", Contributions: one.Commits})
			}
			continue
		}
		if known := at[u.ID]; known != nil {
			known.Contributions += one.Commits
			continue
		}
		at[u.ID] = &contributor{*u, one.Commits}
		out = append(out, at[u.ID])
	}
	return out, nil
}

func (d *Door) languages(c *call) (any, error) {
	out := map[string]int64{}
	v, err := c.view("")
	if err == gitstore.ErrEmpty {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	defer v.Close()
	err = v.Files(func(path string, size int64) {
		if name := language.Of(path); name != "" && size > 0 {
			out[name] += size
		}
	})
	if problem.Is(err, problem.TooLarge) {
		return nil, status(http.StatusServiceUnavailable, "The repository is too large to look through.")
	}
	return out, err
}
