package graphql

import (
	"context"
	"net/url"
	"strconv"

	gql "github.com/graph-gophers/graphql-go"

	"jeton/internal/account"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// profile answers the fields that users and organisations have in common.
type profile struct {
	d *Door
	a account.Account
}

// user answers the fields of User.
type user struct{ profile }

// organization answers the fields of Organization.
type organization struct{ profile }

// owner is the interface RepositoryOwner.
type owner struct{ profile }

// ToUser is for fragments on User.
func (o *owner) ToUser() (*user, bool) { return &user{o.profile}, !o.a.IsOrg() }

// ToOrganization is for fragments on Organization.
func (o *owner) ToOrganization() (*organization, bool) { return &organization{o.profile}, o.a.IsOrg() }

type sized struct{ Size *int32 }

// ID is the global identifier.
func (u *profile) ID() gql.ID { return gql.ID(nodeOf(&u.a)) }

// DatabaseID is the number by which the REST API knows it.
func (u *profile) DatabaseID() *int32 { n := int32(u.a.ID); return &n }

// Login is the name in URLs.
func (u *profile) Login() string { return u.a.Login }

// Name is the display name.
func (u *profile) Name() *string { return optional(u.a.Name) }

// Bio is what the person says of themselves.
func (u *user) Bio() *string { return optional(u.a.Bio) }

// Company is always empty: profiles here have none.
func (u *user) Company() *string { return nil }

// Location is where the person says to be.
func (u *profile) Location() *string { return optional(u.a.Location) }

// WebsiteURL is the person's site.
func (u *profile) WebsiteURL() *uri { return optional(uri(u.a.Website)) }

// AvatarURL is a picture.
func (u *profile) AvatarURL(sized) uri { return avatarOf(u.d, u.a.ID) }

func avatarOf(d *Door, a id.Account) uri {
	return uri(d.o.Gate.URL("/avatars/u/" + strconv.FormatInt(int64(a), 10)))
}

// ResourcePath is the page, below the host.
func (u *profile) ResourcePath() uri { return uri("/" + url.PathEscape(u.a.Login)) }

// URL is the page.
func (u *profile) URL() uri { return uri(u.d.o.Gate.URL(string(u.ResourcePath()))) }

// CreatedAt is when the account was made.
func (u *profile) CreatedAt() dateTime { return dateTime{u.a.CreatedAt} }

// UpdatedAt is when the account last changed.
func (u *profile) UpdatedAt() dateTime { return dateTime{u.a.UpdatedAt} }

// IsSiteAdmin reports whether the account administers the site.
func (u *user) IsSiteAdmin() bool { return u.a.SiteAdmin }

// IsViewer reports whether it is the caller.
func (u *user) IsViewer(ctx context.Context) bool { return sessionOf(ctx).actor.Account == u.a.ID }

// Email is the caller's own verified address, to those whose grant reads addresses; else
// it is empty, as for an address that is not public on GitHub.
func (u *user) Email(ctx context.Context) string {
	s := sessionOf(ctx)
	if s.actor.Account != u.a.ID || s.actor.OfSelf(right.Emails) < right.Read {
		return ""
	}
	return u.a.VerifiedEmail()
}

// Repository finds one of the account's.
func (u *profile) Repository(ctx context.Context, args struct {
	FollowRenames bool
	Name          string
}) (*repository, error) {
	return u.d.repository(ctx, u.a.Login, args.Name, args.FollowRenames)
}

// nodeOf is the global identifier of an account, the same as the REST API's.
func nodeOf(a *account.Account) string {
	return httpkit.NodeID(kindOf(a), int64(a.ID))
}

type repositoriesArgs struct {
	paging
	Affiliations        *[]*string
	OwnerAffiliations   []*string
	IsArchived, IsFork  *bool
	OrderBy             *struct{ Direction, Field string }
	Privacy, Visibility *string
}

// Repositories are those that the account is tied to and the caller may know
// of, in two queries whatever their number.
func (u *profile) Repositories(ctx context.Context, args repositoriesArgs) (*connection[*repository], error) {
	q := repo.Query{Of: u.a.ID, IsFork: args.IsFork, IsArchived: args.IsArchived, Affiliation: affiliations(args.OwnerAffiliations)}
	if q.Affiliation == 0 && args.Affiliations != nil {
		q.Affiliation = affiliations(*args.Affiliations)
	}
	for _, word := range []*string{args.Privacy, args.Visibility} {
		switch {
		case word != nil && *word == "PUBLIC":
			q.Visibility = repo.OnlyPublic
		case word != nil:
			q.Visibility = repo.OnlyPrivate
		}
	}
	if args.OrderBy != nil {
		q.Sort = map[string]repo.Sort{"CREATED_AT": repo.SortCreated, "PUSHED_AT": repo.SortPushed, "UPDATED_AT": repo.SortUpdated}[args.OrderBy.Field]
		q.Descending = args.OrderBy.Direction == "DESC"
	}
	return u.d.list(ctx, "repositories", q, &args.paging)
}

func affiliations(words []*string) (out repo.Affiliation) {
	for _, w := range words {
		if w != nil {
			out |= map[string]repo.Affiliation{"OWNER": repo.ByOwner, "COLLABORATOR": repo.ByCollaborator, "ORGANIZATION_MEMBER": repo.ByMember}[*w]
		}
	}
	return out
}

// list is a page of the repositories that q asks for.
func (d *Door) list(ctx context.Context, name string, q repo.Query, p *paging) (*connection[*repository], error) {
	s := sessionOf(ctx)
	q.Closed = d.o.Gate.Closed()
	total := 1 << 30
	if p.First == nil { // the end must be known to count from it
		q.PerPage = 1
		var err error
		if _, total, err = d.o.Repos.ListVisible(ctx, d.o.DB, &s.actor, q); err != nil {
			return nil, err
		}
	}
	w, err := p.window(ctx, name, total)
	if err != nil {
		return nil, err
	}
	q.PerPage, q.Skip = max(w.limit, 1), w.skip
	found, total, err := d.o.Repos.ListVisible(ctx, d.o.DB, &s.actor, q)
	if err != nil {
		return nil, err
	}
	found = found[:min(len(found), w.limit)]
	out := &connection[*repository]{nodes: make([]*repository, len(found)), skip: w.skip, total: total, more: w.skip+len(found) < total}
	for i := range found {
		out.nodes[i] = &repository{d: d}
		out.nodes[i].r.Repo, out.nodes[i].r.Relation = found[i].Repo, found[i].Relation
	}
	return out, nil
}
