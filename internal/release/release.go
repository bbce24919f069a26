// Package release is the room of releases: what of a repository was published
// under which tag, and the files that go with it. It writes the tables releases,
// release_assets and release_loose, and it alone. Tags are git's: whoever
// publishes has seen to them. It must never decide who may see a draft.
package release

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"jeton/internal/blob"
	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/limit"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// The bounds.
const (
	maxReleases = 10_000  // of a repository
	maxTag      = 255     // bytes
	maxName     = 255     // characters
	maxBody     = 125_000 // characters, as on GitHub
)

// Release is one release with its assets.
type Release struct {
	ID          id.Release
	Tag         string
	Target      string // what the tag was or shall be made of
	Name, Body  string
	Draft       bool
	Prerelease  bool
	Author      id.Account
	Login       string // of the author; empty when the account is gone
	CreatedAt   time.Time
	PublishedAt time.Time // zero for a draft
	UpdatedAt   time.Time
	Assets      []Asset
}

// Latest says whether a release shall be the latest.
type Latest string

// What it may be. Legacy goes by the time of publishing, as the zero value does.
const (
	MakeLatest Latest = "true"
	NotLatest  Latest = "false"
	Legacy     Latest = "legacy"
)

// Options is what the room needs. DB and Blobs are required.
type Options struct {
	DB    *db.DB
	Blobs blob.Store
	Hooks *hook.Room // is told of releases; nil: nobody is

	// Quota says whether a repository may come to hold so many bytes more. It is
	// asked before an upload, while it goes on, and when it has ended.
	Quota func(ctx context.Context, repo id.Repo, bytes int64) error // nil: as much as anybody likes

	// Held is told, in the transaction, that a repository holds so many bytes more,
	// or fewer.
	Held func(ctx context.Context, tx *db.Tx, repo id.Repo, bytes int64) error // nil: nobody counts

	Log *slog.Logger     // nil: nothing is logged
	Now func() time.Time // nil: time.Now
}

// Room keeps releases. It may be used from many goroutines.
type Room struct {
	o         Options
	coming    limit.InFlight[id.Repo] // bytes of uploads
	downloads downloads
}

// New makes the room.
func New(o Options) *Room {
	if o.DB == nil || o.Blobs == nil {
		panic("release: New without a required option")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Room{o: o}
}

// Draft is what a release is made of, or changed to.
type Draft struct {
	Tag, Target, Name, Body string
	Draft, Prerelease       bool
	Latest                  Latest
}

// Check reports early what Create and Update would refuse, so that nothing is made
// for a release that can't be. It fails with problem.Invalid, with the field.
func (n *Draft) Check() error {
	if n.Tag == "" || len(n.Tag) > maxTag {
		return problem.Field("tag_name", "tag_name can't be blank, or longer than 255 bytes")
	}
	for _, one := range []struct {
		field, text string
		most        int
	}{{"name", n.Name, maxName}, {"body", n.Body, maxBody}, {"target_commitish", n.Target, maxName}} {
		if utf8.RuneCountInString(one.text) > one.most || !utf8.ValidString(one.text) || strings.ContainsRune(one.text, 0) {
			return problem.Field(one.field, fmt.Sprintf("%s is too long (maximum is %d characters)", one.field, one.most))
		}
	}
	switch n.Latest {
	case "", MakeLatest, NotLatest, Legacy:
		return nil
	}
	return problem.Field("make_latest", "make_latest must be true, false or legacy")
}

func taken() error { return problem.Field("tag_name", "tag_name already exists") }

// Create makes a release, a draft or published. It fails with problem.Invalid.
func (r *Room) Create(ctx context.Context, actor right.Actor, repo id.Repo, n Draft) (Release, error) {
	if err := n.Check(); err != nil {
		return Release{}, err
	}
	var out Release
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		var have int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM releases WHERE repo_id = $1`, repo).Scan(&have); err != nil {
			return fmt.Errorf("count releases: %w", err)
		}
		if have >= maxReleases {
			return problem.Newf(problem.Invalid, "A repository can have %d releases.", maxReleases)
		}
		now := db.Micros(r.o.Now())
		var published, latest int64
		if !n.Draft {
			published = now
			if n.Latest != NotLatest {
				latest = now
			}
		}
		var made id.Release
		err := tx.QueryRow(ctx, `
			INSERT INTO releases (repo_id, tag, target, name, body, draft, prerelease, author_id, latest_at, sort_at, created_at, published_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $10) RETURNING id`,
			repo, n.Tag, n.Target, n.Name, n.Body, n.Draft, n.Prerelease, actor.Account, latest, now, published).Scan(&made)
		if err != nil {
			return fmt.Errorf("make a release: %w", err)
		}
		if out, err = r.Get(ctx, tx, repo, made); err != nil {
			return err
		}
		return r.tell(ctx, tx, actor, repo, nil, &out)
	})
	return out, r.failed(err)
}

func (r *Room) failed(err error) error {
	switch {
	case db.IsUnique(err):
		return taken()
	case db.IsForeign(err):
		return problem.Wrap(err, problem.NotFound, "This repository was deleted meanwhile.", "")
	}
	return err
}

// Update gives a release what n says. A draft that is none any more is published
// now. It fails with problem.NotFound and problem.Invalid.
func (r *Room) Update(ctx context.Context, actor right.Actor, repo id.Repo, rel id.Release, n Draft) (Release, error) {
	if err := n.Check(); err != nil {
		return Release{}, err
	}
	var out Release
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		old, err := r.Get(ctx, tx, repo, rel)
		if err != nil {
			return err
		}
		now := r.o.Now()
		sort, published := old.CreatedAt, old.PublishedAt
		latest := n.Latest
		if !n.Draft && published.IsZero() {
			published = now
			if latest == "" {
				latest = MakeLatest
			}
		}
		if !published.IsZero() {
			sort = published
		}
		_, err = tx.Exec(ctx, `
			UPDATE releases SET tag = $3, target = $4, name = $5, body = $6, draft = $7, prerelease = $8, sort_at = $9, published_at = $10, updated_at = $11,
			latest_at = CASE $12 WHEN 'true' THEN $11 WHEN 'legacy' THEN $10 WHEN 'false' THEN 0 ELSE latest_at END
			WHERE id = $1 AND repo_id = $2`,
			rel, repo, n.Tag, n.Target, n.Name, n.Body, n.Draft, n.Prerelease, db.Micros(sort), db.Micros(published), db.Micros(now), string(latest))
		if err != nil {
			return fmt.Errorf("change a release: %w", err)
		}
		if out, err = r.Get(ctx, tx, repo, rel); err != nil {
			return err
		}
		return r.tell(ctx, tx, actor, repo, &old, &out)
	})
	return out, r.failed(err)
}

// Delete removes a release and its assets; its tag stays.
func (r *Room) Delete(ctx context.Context, actor right.Actor, repo id.Repo, rel id.Release) error {
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		old, err := r.Get(ctx, tx, repo, rel)
		if err != nil {
			return err
		}
		if err := r.tell(ctx, tx, actor, repo, &old, nil); err != nil {
			return err
		}
		if err := r.loosen(ctx, tx, repo, `release_id = $1`, rel); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM releases WHERE id = $1 AND repo_id = $2`, rel, repo); err != nil {
			return fmt.Errorf("delete a release: %w", err)
		}
		return nil
	})
}

const columns = `r.id, r.tag, r.target, r.name, r.body, r.draft, r.prerelease, r.author_id, COALESCE(a.login, ''), r.created_at, r.published_at, r.updated_at
	FROM releases r LEFT JOIN accounts a ON a.id = r.author_id`

func scan(row interface{ Scan(...any) error }) (Release, error) {
	var r Release
	var created, published, updated int64
	err := row.Scan(&r.ID, &r.Tag, &r.Target, &r.Name, &r.Body, &r.Draft, &r.Prerelease, &r.Author, &r.Login, &created, &published, &updated)
	r.CreatedAt, r.PublishedAt, r.UpdatedAt = db.Time(created), db.Time(published), db.Time(updated)
	return r, err
}

func (r *Room) one(ctx context.Context, read db.Reader, where string, args ...any) (Release, error) {
	rel, err := scan(read.QueryRow(ctx, `SELECT `+columns+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return Release{}, problem.New(problem.NotFound, "Not Found", "")
	}
	if err != nil {
		return Release{}, fmt.Errorf("read a release: %w", err)
	}
	list := []Release{rel}
	err = r.assets(ctx, read, list)
	return list[0], err
}

// Get returns a release of the repository, a draft too, or problem.NotFound.
func (r *Room) Get(ctx context.Context, read db.Reader, repo id.Repo, rel id.Release) (Release, error) {
	return r.one(ctx, read, ` WHERE r.id = $1 AND r.repo_id = $2`, rel, repo)
}

// ByTag returns the published release of a tag, or problem.NotFound.
func (r *Room) ByTag(ctx context.Context, read db.Reader, repo id.Repo, tag string) (Release, error) {
	return r.one(ctx, read, ` WHERE r.repo_id = $1 AND r.tag = $2 AND NOT r.draft`, repo, tag)
}

// LatestOf returns the release that counts as the latest: neither a draft nor a
// prerelease. It fails with problem.NotFound.
func (r *Room) LatestOf(ctx context.Context, read db.Reader, repo id.Repo) (Release, error) {
	return r.one(ctx, read, ` WHERE r.repo_id = $1 AND NOT r.draft AND NOT r.prerelease ORDER BY r.latest_at DESC, r.published_at DESC, r.id DESC LIMIT 1`, repo)
}

// DraftByTag returns the newest draft for a tag, or problem.NotFound.
func (r *Room) DraftByTag(ctx context.Context, read db.Reader, repo id.Repo, tag string) (Release, error) {
	return r.one(ctx, read, ` WHERE r.repo_id = $1 AND r.tag = $2 AND r.draft ORDER BY r.id DESC LIMIT 1`, repo, tag)
}

// List returns a page of the repository's releases, the newest first, and how many
// there are: drafts among them only when they are asked for.
func (r *Room) List(ctx context.Context, read db.Reader, repo id.Repo, drafts bool, page, perPage int) (list []Release, total int, err error) {
	return r.Part(ctx, read, repo, drafts, (page-1)*perPage, perPage)
}

// Part is List for any part of the list.
func (r *Room) Part(ctx context.Context, read db.Reader, repo id.Repo, drafts bool, skip, limit int) (list []Release, total int, err error) {
	const where = ` WHERE r.repo_id = $1 AND ($2 OR NOT r.draft)`
	if err := read.QueryRow(ctx, `SELECT COUNT(*) FROM releases r`+where, repo, drafts).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count releases: %w", err)
	}
	rows, err := read.Query(ctx, `SELECT `+columns+where+` ORDER BY r.sort_at DESC, r.id DESC LIMIT $3 OFFSET $4`, repo, drafts, limit, skip)
	if err != nil {
		return nil, 0, fmt.Errorf("list releases: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		rel, err := scan(rows)
		if err != nil {
			return nil, 0, fmt.Errorf("list releases: %w", err)
		}
		list = append(list, rel)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, 0, fmt.Errorf("list releases: %w", err)
	}
	return list, total, r.assets(ctx, read, list)
}
