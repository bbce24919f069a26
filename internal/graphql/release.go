package graphql

import (
	"context"
	"net/url"

	gql "github.com/graph-gophers/graphql-go"

	"jeton/internal/httpkit"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/release"
	"jeton/internal/right"
)

// published answers the fields of Release.
type published struct {
	repo   *repository
	r      release.Release
	latest id.Release // of the repository
}

// drafts asks the gate whether the caller reads releases at all, and whether drafts.
func (r *repository) drafts(ctx context.Context) (bool, error) {
	actor := &sessionOf(ctx).actor
	if err := r.d.o.Gate.CheckRepo(actor, right.ReleaseRead, &r.r); err != nil {
		return false, err
	}
	return r.d.o.Gate.Allows(actor, right.ReleaseDrafts, &r.r), nil
}

// none turns what is not there into null.
func none(p *published, err error) (*published, error) {
	if problem.Is(err, problem.NotFound) {
		return nil, nil
	}
	return p, err
}

// Releases lists the releases, the newest first unless told otherwise.
func (r *repository) Releases(ctx context.Context, args struct {
	paging
	OrderBy *struct{ Direction, Field string }
}) (*connection[*published], error) {
	drafts, err := r.drafts(ctx)
	if err != nil {
		return nil, err
	}
	room, db := r.d.o.Releases, r.d.o.DB
	_, total, err := room.Part(ctx, db, r.r.ID, drafts, 0, 1)
	if err != nil {
		return nil, err
	}
	w, err := args.window(ctx, "releases", total)
	if err != nil {
		return nil, err
	}
	up := args.OrderBy != nil && args.OrderBy.Direction == "ASC"
	if up {
		w.limit = min(w.limit, total-w.skip)
		w.skip = total - w.skip - w.limit
	}
	list, _, err := room.Part(ctx, db, r.r.ID, drafts, w.skip, w.limit)
	if err != nil {
		return nil, err
	}
	latest, err := room.LatestOf(ctx, db, r.r.ID)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return nil, err
	}
	out := &connection[*published]{skip: w.skip, total: total, more: w.skip+len(list) < total}
	for _, one := range list {
		out.nodes = append(out.nodes, &published{r, one, latest.ID})
	}
	if up {
		out.turn()
	}
	return out, nil
}

// LatestRelease is the one that counts as the latest.
func (r *repository) LatestRelease(ctx context.Context) (*published, error) {
	if _, err := r.drafts(ctx); err != nil {
		return nil, err
	}
	found, err := r.d.o.Releases.LatestOf(ctx, r.d.o.DB, r.r.ID)
	return none(&published{r, found, found.ID}, err)
}

// Release finds one by its tag; a draft, for who may see it.
func (r *repository) Release(ctx context.Context, args struct{ TagName string }) (*published, error) {
	drafts, err := r.drafts(ctx)
	if err != nil {
		return nil, err
	}
	found, err := r.d.o.Releases.ByTag(ctx, r.d.o.DB, r.r.ID, args.TagName)
	if problem.Is(err, problem.NotFound) && drafts {
		found, err = r.d.o.Releases.DraftByTag(ctx, r.d.o.DB, r.r.ID, args.TagName)
	}
	if err != nil {
		return none(nil, err)
	}
	latest, err := r.d.o.Releases.LatestOf(ctx, r.d.o.DB, r.r.ID)
	if err != nil && !problem.Is(err, problem.NotFound) {
		return nil, err
	}
	return &published{r, found, latest.ID}, nil
}

// ID is the global identifier.
func (p *published) ID() gql.ID { return gql.ID(httpkit.NodeID("Release", int64(p.r.ID))) }

// DatabaseID is the number by which the REST API knows it.
func (p *published) DatabaseID() *int32 { n := int32(p.r.ID); return &n }

// Name is the title.
func (p *published) Name() *string { return optional(p.r.Name) }

// TagName is the tag.
func (p *published) TagName() string { return p.r.Tag }

// Description is the text.
func (p *published) Description(ctx context.Context) (*string, error) {
	return optionalWords(ctx, p.r.Body)
}

// IsDraft reports whether it is not published yet.
func (p *published) IsDraft() bool { return p.r.Draft }

// IsLatest reports whether it counts as the latest.
func (p *published) IsLatest() bool { return p.r.ID == p.latest }

// IsPrerelease reports whether it is one.
func (p *published) IsPrerelease() bool { return p.r.Prerelease }

// CreatedAt is when it was made.
func (p *published) CreatedAt() dateTime { return dateTime{p.r.CreatedAt} }

// PublishedAt is when it was published.
func (p *published) PublishedAt() *dateTime { return optionalTime(p.r.PublishedAt) }

// UpdatedAt is when it last changed.
func (p *published) UpdatedAt() dateTime { return dateTime{p.r.UpdatedAt} }

// ResourcePath is the page, below the host.
func (p *published) ResourcePath() uri {
	return uri("/" + p.repo.r.FullName() + "/releases/tag/" + url.PathEscape(p.r.Tag))
}

// URL is the page.
func (p *published) URL() uri { return uri(p.repo.d.o.Gate.URL(string(p.ResourcePath()))) }

// Repository is where it is of.
func (p *published) Repository() *repository { return p.repo }
