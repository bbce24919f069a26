package rest

import (
	"jeton/internal/gate"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// scopedInput asks for a token of an application that reaches only some
// repositories of one account.
type scopedInput struct {
	AccessToken   string            `json:"access_token"`
	Target        string            `json:"target"`
	TargetID      int64             `json:"target_id"`
	Repositories  []string          `json:"repositories"`
	RepositoryIDs []int64           `json:"repository_ids"`
	Permissions   map[string]string `json:"permissions"`
}

// scopedInstallation is GitHub's word for what a narrowed token reaches.
type scopedInstallation struct {
	Permissions         map[string]string `json:"permissions"`
	RepositorySelection string            `json:"repository_selection"`
	SingleFileName      *string           `json:"single_file_name"`
	RepositoriesURL     string            `json:"repositories_url"`
	Account             simpleUser        `json:"account"`
}

// scopedAuthorization is a narrowed token.
type scopedAuthorization struct {
	authorization
	Installation scopedInstallation `json:"installation"`
}

// scopeToken narrows what an application was given, as seen by the account that
// gave it: the application learns of nothing else.
func (d *Door) scopeToken(c *call) (any, error) {
	var in scopedInput
	if c.r.PathValue("client_id") != c.actor.App {
		return nil, errNotFound
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	plain := secret.New(in.AccessToken)
	t, err := d.o.Apps.Check(c.r.Context(), c.actor.App, plain)
	if err != nil {
		return nil, err
	}
	giver, err := d.o.Gate.IdentifySource(c.r.Context(), token.Source{Account: t.Account, Token: t.ID, Ending: t.LastEight})
	if err != nil {
		return nil, err
	}
	n, of, err := c.narrower(&giver, &in)
	if err != nil {
		return nil, err
	}
	made, fresh, err := d.o.Apps.Narrow(c.r.Context(), c.actor, plain, n)
	if err != nil {
		return nil, err
	}
	base, err := c.authorization(made, fresh)
	if err != nil {
		return nil, err
	}
	return scopedAuthorization{base, c.installation(&made, of)}, nil
}

// narrower reads what the narrower token shall reach and do.
func (c *call) narrower(giver *right.Actor, in *scopedInput) (token.NewFine, gate.Resource, error) {
	n := token.NewFine{Access: token.AllOf, Permissions: right.AllFine()}
	of, err := c.target(giver, in)
	if err != nil {
		return n, of, err
	}
	n.Owner, n.OwnerIsOrg = of.ID, of.Org
	if in.Permissions != nil {
		n.Permissions = right.Fine{}
		for name, word := range in.Permissions {
			level, _ := right.ParseLevel(word)
			if err := n.Permissions.Set(name, level); err != nil || level == right.None {
				return n, of, problem.Field("permissions", "there is no permission "+cut(name, 60)+" with that level here")
			}
		}
	}
	switch {
	case in.Repositories != nil && in.RepositoryIDs != nil:
		return n, of, problem.Field("repositories", "send repositories or repository_ids, not both")
	case in.Repositories != nil:
		n.Access = token.Selected
		n.Repos, err = c.door.o.Gate.Reachable(c.r.Context(), giver, of, "repositories", in.Repositories)
	case in.RepositoryIDs != nil:
		n.Access = token.Selected
		n.Repos, err = c.reachableByID(giver, of, in.RepositoryIDs)
	}
	return n, of, err
}

func (c *call) target(giver *right.Actor, in *scopedInput) (gate.Resource, error) {
	if in.TargetID == 0 {
		return c.door.o.Gate.Resource(c.r.Context(), giver, "target", in.Target)
	}
	all, err := c.door.o.Gate.Resources(c.r.Context(), giver)
	if err != nil {
		return gate.Resource{}, err
	}
	for _, r := range all {
		if int64(r.ID) == in.TargetID {
			return r, nil
		}
	}
	return gate.Resource{}, problem.Field("target_id", "the token's account has nothing to do with this one")
}

func (c *call) reachableByID(giver *right.Actor, of gate.Resource, numbers []int64) ([]id.Repo, error) {
	out := make([]id.Repo, 0, min(len(numbers), token.MaxRepos))
	for _, n := range numbers[:min(len(numbers), token.MaxRepos+1)] {
		r, err := c.door.o.Gate.RepoByID(c.r.Context(), giver, right.RepoRead, id.Repo(n))
		if problem.Is(err, problem.NotFound) || err == nil && r.Owner != of.ID {
			return nil, problem.Field("repository_ids", of.Login+" has no repository "+id.Text(n)+" that the token's account has access to")
		}
		if err != nil {
			return nil, err
		}
		out = append(out, r.ID)
	}
	return out, nil
}

func (c *call) installation(t *token.Token, of gate.Resource) scopedInstallation {
	in := scopedInstallation{RepositorySelection: "selected", RepositoriesURL: c.url("/users/" + of.Login + "/repos"), Account: c.simpleUser(int64(of.ID), of.Login, false)}
	if of.Org {
		in.Account = c.orgAsUser(int64(of.ID), of.Login)
	}
	if t.Access == token.AllOf {
		in.RepositorySelection = "all"
	}
	in.Permissions = t.Permissions.Only(right.RepositoryGroup)
	for name, level := range t.Permissions.Only(right.OrganizationGroup) {
		in.Permissions[name] = level
	}
	return in
}
