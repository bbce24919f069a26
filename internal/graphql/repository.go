package graphql

import (
	"context"
	"html"
	"strings"

	gql "github.com/graph-gophers/graphql-go"

	"jeton/internal/account"
	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// repository answers the fields of Repository. The gate has let the caller know
// of it; what is inside is asked about again.
type repository struct {
	d *Door
	r gate.Repo
}

// ID is the global identifier.
func (r *repository) ID() gql.ID { return gql.ID(httpkit.NodeID("Repository", int64(r.r.ID))) }

// DatabaseID is the number by which the REST API knows it.
func (r *repository) DatabaseID() *int32 { n := int32(r.r.ID); return &n }

// Name is the name without the owner.
func (r *repository) Name() string { return r.r.Name }

// NameWithOwner is owner/name.
func (r *repository) NameWithOwner() string { return r.r.FullName() }

// Description says what it is for.
func (r *repository) Description() *string { return optional(r.r.Description) }

// DescriptionHTML is the description as HTML.
func (r *repository) DescriptionHTML() string {
	return "<div>" + html.EscapeString(r.r.Description) + "</div>"
}

// ShortDescriptionHTML is the beginning of the description as HTML.
func (r *repository) ShortDescriptionHTML(args struct{ Limit int32 }) string {
	text := []rune(r.r.Description)
	if n := int(args.Limit); n >= 0 && len(text) > n {
		text = text[:n]
	}
	return html.EscapeString(string(text))
}

// CreatedAt is when it was made.
func (r *repository) CreatedAt() dateTime { return dateTime{r.r.CreatedAt} }

// UpdatedAt is when it last changed.
func (r *repository) UpdatedAt() dateTime { return dateTime{r.r.UpdatedAt} }

// PushedAt is when it was last pushed to.
func (r *repository) PushedAt() *dateTime { return optionalTime(r.r.PushedAt) }

// DiskUsage is its size in kibibytes.
func (r *repository) DiskUsage() *int32 { n := int32(r.r.Size); return &n }

// IsArchived reports whether it is read-only.
func (r *repository) IsArchived() bool { return r.r.Archived }

// IsPrivate reports whether only some may see it.
func (r *repository) IsPrivate() bool { return r.r.Private }

// IsFork reports whether it was forked from another.
func (r *repository) IsFork() bool { return r.r.ForkOf != 0 }

// IsEmpty reports whether nothing was ever pushed to it.
func (r *repository) IsEmpty() bool { return r.r.PushedAt.IsZero() }

// IsInOrganization reports whether an organisation owns it.
func (r *repository) IsInOrganization() bool { return r.r.OwnerIsOrg }

// IsTemplate reports whether others are made from it.
func (r *repository) IsTemplate() bool { return r.r.Template }

// ForkingAllowed reports whether it may be forked.
func (r *repository) ForkingAllowed() bool { return !r.r.NoForking }

// Visibility is PRIVATE or PUBLIC.
func (r *repository) Visibility() string {
	if r.r.Private {
		return "PRIVATE"
	}
	return "PUBLIC"
}

// HomepageURL is the site about it.
func (r *repository) HomepageURL() *uri { return optional(uri(r.r.Homepage)) }

// OpenGraphImageURL is a picture of it: its owner's.
func (r *repository) OpenGraphImageURL() uri {
	return avatarOf(r.d, r.r.Owner)
}

// ResourcePath is the page, below the host.
func (r *repository) ResourcePath() uri { return uri("/" + r.r.FullName()) }

// URL is the page.
func (r *repository) URL() uri { return uri(r.page("")) }

func (r *repository) page(below string) string { return r.d.o.Gate.URL("/" + r.r.FullName() + below) }

// SSHURL is the URL to clone from: HTTPS, the only way in.
func (r *repository) SSHURL() string { return r.page(".git") }

// Owner is whose it is. Whoever owns several repositories of an answer is read once.
func (r *repository) Owner(ctx context.Context) (*owner, error) {
	s := sessionOf(ctx)
	if a, ok := s.owners.Load(r.r.Owner); ok {
		return &owner{profile{r.d, a.(account.Account)}}, nil
	}
	a, err := r.d.o.Accounts.Known(ctx, r.d.o.DB, r.r.Owner)
	if err != nil {
		return nil, err
	}
	s.owners.Store(a.ID, a)
	return &owner{profile{r.d, a}}, nil
}

// Parent is what it was forked from, if the caller may know of that.
func (r *repository) Parent(ctx context.Context) (*repository, error) {
	return r.known(ctx, r.r.ForkOf)
}

// TemplateRepository is the template that it was made from, in the same way.
func (r *repository) TemplateRepository(ctx context.Context) (*repository, error) {
	return r.known(ctx, r.r.TemplateOf)
}

// known is another repository, nil for one that the caller may not know of.
func (r *repository) known(ctx context.Context, n id.Repo) (*repository, error) {
	if n == 0 {
		return nil, nil
	}
	s := sessionOf(ctx)
	other, err := r.d.o.Repos.FindByID(ctx, r.d.o.DB, n, s.actor.Account)
	if problem.Is(err, problem.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := &repository{d: r.d, r: gate.Repo{Repo: other.Repo, Relation: other.Relation}}
	if !r.d.o.Gate.Allows(&s.actor, right.RepoRead, &found.r) {
		return nil, nil
	}
	return found, nil
}

// RepositoryTopics are the words under which it is found.
func (r *repository) RepositoryTopics(ctx context.Context, args struct{ paging }) (*connection[*repositoryTopic], error) {
	words := strings.Fields(r.r.Topics)
	w, err := args.window(ctx, "repositoryTopics", len(words))
	if err != nil {
		return nil, err
	}
	some := page(words, w)
	out := &connection[*repositoryTopic]{skip: some.skip, more: some.more, total: some.total}
	for _, word := range some.nodes {
		out.nodes = append(out.nodes, &repositoryTopic{Topic: topic{Name: word}, URL: uri(r.d.o.Gate.URL("/topics/" + word)), id: httpkit.NodeIDOf("RepositoryTopic", id.Text(r.r.ID)+":"+word)})
	}
	return out, nil
}

// repositoryTopic answers the fields of RepositoryTopic.
type repositoryTopic struct {
	Topic topic
	URL   uri
	id    string
}

// ID is the global identifier.
func (t *repositoryTopic) ID() gql.ID { return gql.ID(t.id) }

type topic struct{ Name string }

// ForkCount is how many forks of it there are.
func (r *repository) ForkCount(ctx context.Context) (int32, error) {
	n, err := r.d.o.Repos.CountForks(ctx, r.d.o.DB, &sessionOf(ctx).actor, r.r.ID, r.d.o.Gate.Closed())
	return int32(n), err
}

// ViewerPermission is what the caller's account may do.
func (r *repository) ViewerPermission() *string {
	word := map[right.Level]string{right.Admin: "ADMIN", right.Write: "WRITE"}[r.r.Relation]
	if word == "" {
		word = "READ"
	}
	return &word
}

// ViewerCanAdminister reports whether the caller may change its settings.
func (r *repository) ViewerCanAdminister(ctx context.Context) bool {
	return r.d.o.Gate.Allows(&sessionOf(ctx).actor, right.RepoUnarchive, &r.r)
}

// ViewerDefaultCommitEmail is the caller's primary address if it is verified, and if the grant reads it.
func (r *repository) ViewerDefaultCommitEmail(ctx context.Context) (*string, error) {
	u, err := (&root{r.d}).Viewer(ctx)
	if err != nil {
		return nil, err
	}
	return optional(u.Email(ctx)), nil
}

// ViewerPossibleCommitEmails are the caller's verified addresses, if the grant reads them.
func (r *repository) ViewerPossibleCommitEmails(ctx context.Context) (*[]string, error) {
	s := sessionOf(ctx)
	if s.actor.OfSelf(right.Emails) < right.Read {
		return nil, nil
	}
	all, err := r.d.o.Accounts.ListEmails(ctx, r.d.o.DB, s.actor.Account)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, e := range all {
		if e.Verified {
			out = append(out, e.Address)
		}
	}
	return &out, nil
}

// refs reads the refs, once the gate has let the caller read what is inside.
func (r *repository) refs(ctx context.Context) (*gitstore.Refs, error) {
	if err := r.d.o.Gate.CheckRepo(&sessionOf(ctx).actor, right.RepoFetch, &r.r); err != nil {
		return nil, err
	}
	return r.sight(ctx).Refs(ctx)
}

// sight is the repository as the caller may see it. Whatever is read of its content
// is read through this: the gate trusts in that.
func (r *repository) sight(ctx context.Context) gitstore.Sight {
	return r.d.o.Git.Repo(r.r.ID).Sight(sessionOf(ctx).actor.Grant.Limits.Sight())
}

// DefaultBranchRef is the default branch, once it has a commit.
func (r *repository) DefaultBranchRef(ctx context.Context) (*ref, error) {
	return r.Ref(ctx, struct{ QualifiedName string }{"refs/heads/" + r.r.DefaultBranch})
}

// Ref finds a ref by its full name, or a branch or tag by its short one.
func (r *repository) Ref(ctx context.Context, args struct{ QualifiedName string }) (*ref, error) {
	all, err := r.refs(ctx)
	if err != nil {
		return nil, err
	}
	for _, prefix := range []string{"", "refs/", "refs/heads/", "refs/tags/"} {
		if found, ok := all.Get(prefix + args.QualifiedName); ok && strings.HasPrefix(found.Name, "refs/") {
			return &ref{r, found}, nil
		}
	}
	return nil, nil
}

// Refs lists the refs below a prefix, in the order of their names.
func (r *repository) Refs(ctx context.Context, args struct {
	paging
	Direction *string
	OrderBy   *struct{ Direction, Field string }
	Query     *string
	RefPrefix string
}) (*connection[*ref], error) {
	snapshot, err := r.refs(ctx)
	if err != nil {
		return nil, err
	}
	all := snapshot.Prefix(strings.TrimSuffix(args.RefPrefix, "/") + "/")
	if args.Query != nil && *args.Query != "" {
		wanted := strings.ToLower(*args.Query)
		var some []gitstore.Ref
		for _, one := range all {
			if strings.Contains(strings.ToLower(one.Name[len(args.RefPrefix):]), wanted) {
				some = append(some, one)
			}
		}
		all = some
	}
	down := args.Direction != nil && *args.Direction == "DESC" || args.OrderBy != nil && args.OrderBy.Direction == "DESC"
	w, err := args.window(ctx, "refs", len(all))
	if err != nil {
		return nil, err
	}
	if down {
		w.skip = len(all) - w.skip - min(w.limit, len(all)-w.skip)
	}
	some := page(all, w)
	out := &connection[*ref]{skip: some.skip, more: some.more, total: some.total}
	for _, one := range some.nodes {
		out.nodes = append(out.nodes, &ref{r, one})
	}
	if down {
		out.turn()
	}
	return out, nil
}
