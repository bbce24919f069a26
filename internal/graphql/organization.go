package graphql

import (
	"context"
	"slices"

	"jeton/internal/account"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Description is what the organisation says of itself.
func (o *organization) Description() *string { return optional(o.a.Bio) }

// Email is empty: organisations have no address here.
func (o *organization) Email() *string { return nil }

// IsVerified is false: nobody verifies domains here.
func (o *organization) IsVerified() bool { return false }

func (o *organization) mine(ctx context.Context) (org.Found, error) {
	return o.d.o.Orgs.ByID(ctx, o.d.o.DB, o.a.ID, sessionOf(ctx).actor.Account)
}

// ViewerIsAMember reports whether the caller is one of its members.
func (o *organization) ViewerIsAMember(ctx context.Context) (bool, error) {
	f, err := o.mine(ctx)
	return f.Level() >= right.Read && !sessionOf(ctx).actor.ShutOutOf(o.a.ID), err
}

// ViewerCanAdminister reports whether the caller owns it.
func (o *organization) ViewerCanAdminister(ctx context.Context) (bool, error) {
	f, err := o.mine(ctx)
	return f.Level() >= right.Admin && !sessionOf(ctx).actor.ShutOutOf(o.a.ID), err
}

// ViewerCanCreateRepositories reports whether the caller's token may make
// repositories in it.
func (o *organization) ViewerCanCreateRepositories(ctx context.Context) (bool, error) {
	_, err := o.d.o.Gate.Org(ctx, &sessionOf(ctx).actor, right.OrgCreateSome, o.a.Login)
	if problem.Is(err, problem.Forbidden) || problem.Is(err, problem.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// Organizations are those of which the user is a member: for the caller's own eyes
// all of them, if the token reads memberships, else those that the user shows.
func (u *user) Organizations(ctx context.Context, args struct{ paging }) (*connection[*organization], error) {
	s := sessionOf(ctx)
	all := s.actor.Account == u.a.ID && u.d.o.Gate.Check(&s.actor, right.SelfOrgs) == nil
	list, err := u.d.o.Orgs.Of(ctx, u.d.o.DB, u.a.ID, false, !all)
	if err != nil {
		return nil, err
	}
	if all {
		list = slices.DeleteFunc(list, func(m org.Membership) bool { return s.actor.ShutOutOf(m.Org) })
	}
	w, err := args.window(ctx, "organizations", len(list))
	if err != nil {
		return nil, err
	}
	some := page(list, w)
	out := &connection[*organization]{skip: some.skip, more: some.more, total: some.total}
	for _, m := range some.nodes {
		a, err := u.d.o.Accounts.Known(ctx, u.d.o.DB, m.Org)
		if err != nil {
			return nil, err
		}
		out.nodes = append(out.nodes, &organization{profile{u.d, a}})
	}
	return out, nil
}

// Organization finds an organisation.
func (q *root) Organization(ctx context.Context, args struct{ Login string }) (*organization, error) {
	a, err := q.d.account(ctx, args.Login, "Organization")
	if err != nil {
		return nil, err
	}
	return &organization{profile{q.d, a}}, nil
}

// kindOf is what GraphQL calls an account.
func kindOf(a *account.Account) string {
	switch {
	case a.IsOrg():
		return "Organization"
	case a.IsMachine():
		return "Bot"
	}
	return "User"
}
