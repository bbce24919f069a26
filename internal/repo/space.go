package repo

import (
	"context"
	"fmt"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Quotas in the database: bytes, or one of these.
const (
	NoQuota   int64 = 0  // as much as there is room for
	SiteQuota int64 = -1 // what is set for the whole site
)

// Space is how much of a quota is used: of the one of the repository's and its
// owner's of which less is left.
type Space struct {
	Used  int64 // bytes, of git and of LFS
	Limit int64 // bytes; 0: there is no quota
	Owner bool  // the quota is the owner's, for all of the account's repositories
}

// Left returns how many bytes may still be added, never less than zero. It is of
// no meaning without a limit.
func (s Space) Left() int64 { return max(0, s.Limit-s.Used) }

// Refuse returns problem.TooLarge in words for the person when n more bytes are
// too many, and nil when they are not. Zero asks whether all is used up.
func (s Space) Refuse(n int64) error {
	if s.Limit == 0 || s.Left() > 0 && n <= s.Left() {
		return nil
	}
	what, whose := "This repository", "it"
	if s.Owner {
		what, whose = "The owner's storage", "the account"
	}
	return problem.New(problem.TooLarge,
		fmt.Sprintf("%s is full: %s of %s are used.", what, bytesText(s.Used), bytesText(s.Limit)),
		"Delete what is not needed, keep large files out of Git, or ask the site's administrator for more room for "+whose+".")
}

// bytesText is a size as git prints it.
func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.2f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

// effective is the quota that counts.
func effective(own, site int64) int64 {
	if own < 0 {
		return site
	}
	return own
}

// Quotas returns the quotas that hold for a repository and for its owner, in
// bytes; zero is none.
func (m *Room) Quotas(r *Repo) (repo, owner int64) {
	return effective(r.Quota, m.o.RepoQuota), effective(r.OwnerQuota, m.o.AccountQuota)
}

// Space tells how much room a repository that was read just now has: by the one
// of the two quotas of which less is left. Without quotas it asks the database
// nothing.
func (m *Room) Space(ctx context.Context, r db.Reader, repo *Repo) (Space, error) {
	mine, all, err := m.Spaces(ctx, r, repo)
	if mine.Limit == 0 || all.Limit != 0 && all.Left() < mine.Left() {
		return all, err
	}
	return mine, err
}

// Spaces tells it for the repository's own quota and for its owner's.
func (m *Room) Spaces(ctx context.Context, r db.Reader, repo *Repo) (mine, all Space, err error) {
	mine.Limit, all.Limit = m.Quotas(repo)
	all.Owner = true
	if mine.Limit == 0 && all.Limit == 0 {
		return mine, all, nil
	}
	err = r.QueryRow(ctx, `
		SELECT COALESCE(SUM(CASE WHEN id = $2 THEN size_kib * 1024 + lfs_bytes ELSE 0 END), 0), COALESCE(SUM(size_kib * 1024 + lfs_bytes), 0)
		FROM repositories WHERE owner_id = $1`, repo.Owner, repo.ID).Scan(&mine.Used, &all.Used)
	if err != nil {
		return mine, all, fmt.Errorf("count the storage of repository %d: %w", repo.ID, err)
	}
	return mine, all, nil
}

// SpaceOf tells how much room an account has for one more repository, by the
// quota of all of them.
func (m *Room) SpaceOf(ctx context.Context, r db.Reader, owner id.Account) (Space, error) {
	s := Space{Owner: true}
	err := r.QueryRow(ctx, `
		SELECT a.quota, COALESCE((SELECT SUM(size_kib * 1024 + lfs_bytes) FROM repositories WHERE owner_id = a.id), 0)
		FROM accounts a WHERE a.id = $1`, owner).Scan(&s.Limit, &s.Used)
	if err != nil {
		return Space{}, fmt.Errorf("count the storage of account %d: %w", owner, err)
	}
	s.Limit = effective(s.Limit, m.o.AccountQuota)
	return s, nil
}

// Left tells how many bytes may still be added to a repository. Unlimited is
// true, and bytes of no meaning, when no quota holds for it.
func (m *Room) Left(ctx context.Context, r db.Reader, repo id.Repo) (bytes int64, unlimited bool, err error) {
	one, err := m.ByID(ctx, r, repo)
	if err != nil {
		return 0, false, err
	}
	s, err := m.Space(ctx, r, &one)
	return s.Left(), s.Limit == 0, err
}

// AddLFSBytes counts what Git LFS keeps for a repository: delta more bytes, or
// fewer when it is negative.
func (m *Room) AddLFSBytes(ctx context.Context, tx *db.Tx, repo id.Repo, delta int64) error {
	_, err := tx.Exec(ctx, `UPDATE repositories SET lfs_bytes = CASE WHEN lfs_bytes + $2 < 0 THEN 0 ELSE lfs_bytes + $2 END WHERE id = $1`, repo, delta)
	if err != nil {
		return fmt.Errorf("count LFS bytes of repository %d: %w", repo, err)
	}
	return nil
}

// SetQuota sets a repository's own quota in bytes: NoQuota for none, SiteQuota
// for the site's. What is there already stays, whatever its size.
func (m *Room) SetQuota(ctx context.Context, actor right.Actor, repo id.Repo, quota int64) error {
	if quota < SiteQuota {
		return problem.Field("quota", "a quota is not negative")
	}
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		r, err := m.ByID(ctx, tx, repo)
		if err != nil || r.Quota == quota {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE repositories SET quota = $2 WHERE id = $1`, repo, quota); err != nil {
			return fmt.Errorf("set quota of repository %d: %w", repo, err)
		}
		if err := m.record(ctx, tx, actor, "repo.set_quota", &r, map[string]string{"quota": quotaText(quota)}); err != nil {
			return err
		}
		return m.changed(ctx, tx, repo)
	})
}

func quotaText(quota int64) string {
	switch quota {
	case NoQuota:
		return "none"
	case SiteQuota:
		return "the site's"
	}
	return bytesText(quota)
}
