package rest

import (
	"net/http"
	"strings"
	"time"

	"jeton/internal/account"
	"jeton/internal/httpkit"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/token"
)

// integration is GitHub's "integration". Where that host lists the applications that
// may push, there is one here: the repository's own account, by which its deploy
// tokens and what it trusts come.
type integration struct {
	ID          int64             `json:"id"`
	Slug        string            `json:"slug"`
	NodeID      string            `json:"node_id"`
	Owner       simpleUser        `json:"owner"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	ExternalURL string            `json:"external_url"`
	HTMLURL     string            `json:"html_url"`
	CreatedAt   string            `json:"created_at"`
	UpdatedAt   string            `json:"updated_at"`
	Permissions map[string]string `json:"permissions"`
	Events      []string          `json:"events"`
}

// apps are the applications that a rule lists.
func (c *call) apps(rule *repo.Rule) []integration {
	out := []integration{}
	if !rule.Itself {
		return out
	}
	owner := c.simpleUser(int64(c.repo.Owner), c.repo.OwnerLogin, false)
	if c.repo.OwnerIsOrg {
		owner = c.orgAsUser(int64(c.repo.Owner), c.repo.OwnerLogin)
	}
	made := c.repo.CreatedAt.UTC().Format(time.RFC3339)
	return append(out, integration{ID: int64(c.repo.ID), Slug: account.MachineSlug(c.repo.ID), NodeID: httpkit.NodeID("App", int64(c.repo.ID)), Owner: owner,
		Name: "Deploy tokens and trusted CI of " + c.repo.FullName(), Description: "What the repository lets in by itself",
		ExternalURL: c.repoPage("/settings/trusts"), HTMLURL: c.repoPage("/settings/deploy-tokens"), CreatedAt: made, UpdatedAt: made,
		Permissions: token.Deployable().Only(right.RepositoryGroup), Events: []string{}})
}

// itself reports whether slugs name the repository's own account. There is no other
// application that a rule could list.
func (c *call) itself(slugs []string) (named bool, err error) {
	own := account.MachineSlug(c.repo.ID)
	for _, slug := range slugs {
		if !strings.EqualFold(slug, own) {
			return false, unprocessable("Could not resolve to an app: " + cut(slug, 40) + ". A rule can list one alone, " + own + ": this repository's deploy tokens and trusted CI.")
		}
		named = true
	}
	return named, nil
}

func (d *Door) listRestrictedApps(c *call) (any, error) {
	v, err := d.getRestrictions(c)
	if err != nil {
		return nil, err
	}
	return v.(*restrictions).Apps, nil
}

// appsInput is the body of a change of which applications may push: an object, or
// GitHub's older form, a list.
type appsInput struct {
	Apps []string `json:"apps"`
}

// UnmarshalJSON takes both.
func (in *appsInput) UnmarshalJSON(data []byte) (err error) {
	in.Apps, err = namesIn(data, "apps")
	return err
}

func addApps(have, named bool) bool { return have || named }

func setApps(_, named bool) bool { return named }

func removeApps(have, named bool) bool { return have && !named }

func (d *Door) changeRestrictedApps(how func(have, named bool) bool) handler {
	return func(c *call) (any, error) {
		var in appsInput
		if err := c.decodeAny(&in); err != nil {
			return nil, err
		}
		if in.Apps == nil {
			return nil, errNoNames("apps")
		}
		named, err := c.itself(in.Apps)
		if err != nil {
			return nil, err
		}
		_, rule, err := c.relist(func(r *repo.Rule) { r.Itself = how(r.Itself, named) })
		if err != nil {
			return nil, err
		}
		c.status = http.StatusOK
		return c.apps(rule), nil
	}
}
