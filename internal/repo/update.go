package repo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// Patch says what shall change of a repository; what is nil stays.
type Patch struct {
	Name          *string
	Description   *string
	Private       *bool
	Archived      *bool
	DefaultBranch *string // that the branch exists is the caller's to check
	Homepage      *string
	Topics        *[]string
	Template      *bool
	NoForking     *bool // of an organisation's private repository
}

// Update changes a repository's settings, all of them or none, and returns what
// it is then. It fails with problem.Invalid, with the field, and with
// problem.NotFound.
func (m *Room) Update(ctx context.Context, actor right.Actor, repo id.Repo, p Patch) (Repo, error) {
	var r Repo
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		var err error
		r, err = m.UpdateTx(ctx, tx, actor, repo, p)
		return err
	})
	return r, err
}

// event is a line of the security log that waits for the change to be made.
type event struct {
	action string
	detail map[string]string
}

// UpdateTx is Update in the caller's transaction.
func (m *Room) UpdateTx(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo, p Patch) (Repo, error) {
	old, err := m.ByID(ctx, tx, repo)
	if err != nil {
		return Repo{}, err
	}
	r := old
	events, err := p.apply(&r)
	if err != nil {
		return Repo{}, err
	}
	if r == old {
		return r, nil
	}
	if err := m.moveName(ctx, tx, &old, &r, "name"); err != nil {
		return Repo{}, err
	}
	r.UpdatedAt = m.o.Now().UTC().Truncate(time.Microsecond)
	_, err = tx.Exec(ctx, `
		UPDATE repositories SET name = $2, name_key = $3, description = $4, private = $5, archived = $6,
			default_branch = $7, updated_at = $8, homepage = $9, topics = $10, is_template = $11, no_forking = $12
		WHERE id = $1`,
		repo, r.Name, strings.ToLower(r.Name), r.Description, r.Private, r.Archived, r.DefaultBranch, db.Micros(r.UpdatedAt),
		r.Homepage, storedTopics(r.Topics), r.Template, r.NoForking)
	if db.IsUnique(err) {
		return Repo{}, taken("name")
	}
	if err != nil {
		return Repo{}, fmt.Errorf("update repository %d: %w", repo, err)
	}
	for _, e := range events {
		if err := m.record(ctx, tx, actor, e.action, &r, e.detail); err != nil {
			return Repo{}, err
		}
	}
	if err := m.tellUpdate(ctx, tx, actor, &old, &r); err != nil {
		return Repo{}, err
	}
	return r, m.changed(ctx, tx, repo)
}

// apply validates the patch, applies it to r and says what the log shall tell.
// The description and the default branch are no matter of security.
func (p *Patch) apply(r *Repo) ([]event, error) {
	var events []event
	if p.Name != nil && *p.Name != r.Name {
		if err := CheckName(*p.Name); err != nil {
			return nil, err
		}
		events = append(events, event{"repo.rename", map[string]string{"old_name": r.Name}})
		r.Name = *p.Name
	}
	if p.Description != nil {
		if err := checkDescription(*p.Description); err != nil {
			return nil, err
		}
		r.Description = *p.Description
	}
	if p.DefaultBranch != nil && *p.DefaultBranch != r.DefaultBranch {
		if err := CheckBranch(*p.DefaultBranch); err != nil {
			return nil, err
		}
		r.DefaultBranch = *p.DefaultBranch
	}
	if err := p.applyFacts(r); err != nil {
		return nil, err
	}
	if p.Private != nil && *p.Private != r.Private {
		r.Private = *p.Private
		events = append(events, event{"repo.access", map[string]string{"visibility": visibilityWord(r.Private)}})
	}
	if p.Archived != nil && *p.Archived != r.Archived {
		r.Archived = *p.Archived
		action := "repo.unarchived"
		if r.Archived {
			action = "repo.archived"
		}
		events = append(events, event{action, nil})
	}
	return events, nil
}

// applyFacts applies what is no matter of security.
func (p *Patch) applyFacts(r *Repo) (err error) {
	if p.Homepage != nil {
		if err := checkHomepage(*p.Homepage); err != nil {
			return err
		}
		r.Homepage = *p.Homepage
	}
	if p.Topics != nil {
		if r.Topics, err = joinTopics(*p.Topics); err != nil {
			return err
		}
	}
	if p.Template != nil {
		r.Template = *p.Template
	}
	if p.NoForking != nil {
		r.NoForking = *p.NoForking
	}
	return nil
}

// moveName makes room for r's new place and lets the old one lead there. The
// place is an owner and a name regardless of case. A name that is taken is
// problem.Invalid for field.
func (m *Room) moveName(ctx context.Context, tx *db.Tx, old, r *Repo, field string) error {
	from, to := strings.ToLower(old.Name), strings.ToLower(r.Name)
	if from == to && old.Owner == r.Owner {
		return nil
	}
	// Asked before the update, since a failed statement would end the whole
	// transaction on PostgreSQL; the unique index still has the last word.
	if err := free(ctx, tx, r.Owner, to, field); err != nil {
		return err
	}
	if err := endRedirect(ctx, tx, r.Owner, to); err != nil {
		return err
	}
	return m.leaveRedirect(ctx, tx, old.Owner, from, r.ID)
}

// LeadHere lets a name that the repository had elsewhere lead to it for RedirectFor, as
// after a rename. It fails with problem.Invalid for the field name when the name can't
// be one, or leads to something already: what is here holds.
func (m *Room) LeadHere(ctx context.Context, owner id.Account, name string, repo id.Repo) error {
	if err := CheckName(name); err != nil {
		return err
	}
	key := strings.ToLower(name)
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := free(ctx, tx, owner, key, "name"); err != nil {
			return err
		}
		var n int
		err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM repo_names WHERE owner_id = $1 AND name_key = $2 AND until > $3`, owner, key, db.Micros(m.o.Now())).Scan(&n)
		if err != nil {
			return fmt.Errorf("look for the old name: %w", err)
		}
		if n > 0 {
			return taken("name")
		}
		if err := m.leaveRedirect(ctx, tx, owner, key, repo); err != nil {
			return err
		}
		return m.changed(ctx, tx, repo)
	})
}

// Rename gives the repository another name; the old one redirects for RedirectFor.
func (m *Room) Rename(ctx context.Context, actor right.Actor, repo id.Repo, name string) (Repo, error) {
	return m.Update(ctx, actor, repo, Patch{Name: &name})
}

// SetVisibility makes the repository private or public.
func (m *Room) SetVisibility(ctx context.Context, actor right.Actor, repo id.Repo, private bool) (Repo, error) {
	return m.Update(ctx, actor, repo, Patch{Private: &private})
}

// SetArchived makes the repository read-only, or writable again.
func (m *Room) SetArchived(ctx context.Context, actor right.Actor, repo id.Repo, archived bool) (Repo, error) {
	return m.Update(ctx, actor, repo, Patch{Archived: &archived})
}

// SetDefaultBranch records another default branch. The repository's HEAD is the
// caller's to move; lifecycle.EditRepo does both.
func (m *Room) SetDefaultBranch(ctx context.Context, actor right.Actor, repo id.Repo, branch string) (Repo, error) {
	return m.Update(ctx, actor, repo, Patch{DefaultBranch: &branch})
}

// TransferTx gives the repository to another owner and lets the old path lead
// there for RedirectFor. The new owner stops being a collaborator; the old one
// becomes one with the level keep, unless that is None or it is an organisation.
// Invitations end. It fails with
// problem.Invalid for the field new_owner.
func (m *Room) TransferTx(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo, to id.Account, keep right.Level) (Repo, error) {
	old, err := m.ByID(ctx, tx, repo)
	if err != nil {
		return Repo{}, err
	}
	owner, err := m.o.Account.ByID(ctx, tx, to)
	if problem.Is(err, problem.NotFound) {
		return Repo{}, problem.Field("new_owner", "there is no such account")
	}
	if err != nil {
		return Repo{}, err
	}
	if to == old.Owner {
		return Repo{}, problem.Field("new_owner", "the repository already belongs to this account")
	}
	if err := mayOwn(&owner, "new_owner"); err != nil {
		return Repo{}, err
	}
	if owner.Suspended {
		return Repo{}, problem.Field("new_owner", "this account is suspended")
	}
	r := old
	r.Owner, r.OwnerLogin, r.OwnerIsOrg, r.UpdatedAt = to, owner.Login, owner.IsOrg(), m.o.Now().UTC().Truncate(time.Microsecond)
	if err := m.moveName(ctx, tx, &old, &r, "new_owner"); err != nil {
		return Repo{}, err
	}
	_, err = tx.Exec(ctx, `UPDATE repositories SET owner_id = $2, updated_at = $3 WHERE id = $1`, repo, to, db.Micros(r.UpdatedAt))
	if db.IsUnique(err) {
		return Repo{}, taken("new_owner")
	}
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM collaborators WHERE repo_id = $1 AND account_id = $2`, repo, to)
	}
	if err == nil {
		// Who was invited by the owner until now was not invited by the new one.
		_, err = tx.Exec(ctx, `DELETE FROM repo_invitations WHERE repo_id = $1`, repo)
	}
	if err == nil && keep != right.None && !old.OwnerIsOrg {
		_, err = m.setLevel(ctx, tx, repo, old.Owner, keep)
	}
	if err != nil {
		return Repo{}, fmt.Errorf("transfer repository %d: %w", repo, err)
	}
	// Both owners find it in their logs.
	detail := map[string]string{"from": old.FullName(), "to": r.FullName()}
	for _, of := range []*Repo{&old, &r} {
		if err := m.record(ctx, tx, actor, "repo.transfer", of, detail); err != nil {
			return Repo{}, err
		}
	}
	if err := m.tellTransferred(ctx, tx, actor, &old); err != nil {
		return Repo{}, err
	}
	return r, m.changed(ctx, tx, repo)
}

// Pushed records that refs moved at that time. A defaultBranch that is not
// empty becomes the repository's: the first branch pushed to an empty one.
func (m *Room) Pushed(ctx context.Context, tx *db.Tx, repo id.Repo, at time.Time, defaultBranch string) error {
	if defaultBranch != "" {
		if err := CheckBranch(defaultBranch); err != nil {
			return err
		}
	}
	// Two pushes may finish in the other order than they began.
	res, err := tx.Exec(ctx, `
		UPDATE repositories SET
			pushed_at = CASE WHEN pushed_at < $2 THEN $2 ELSE pushed_at END,
			updated_at = CASE WHEN updated_at < $2 THEN $2 ELSE updated_at END,
			default_branch = CASE WHEN $3 = '' THEN default_branch ELSE $3 END
		WHERE id = $1`, repo, db.Micros(at), defaultBranch)
	if err != nil {
		return fmt.Errorf("record push to repository %d: %w", repo, err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return notFound()
	}
	if defaultBranch != "" {
		return m.changed(ctx, tx, repo)
	}
	return m.o.Change.Record(ctx, tx, change.Change{Kind: change.RepoPushed, Subject: int64(repo)})
}

// SetSize records how large the repository is on disk, in KiB. It is neither a
// change of the settings nor told to anybody.
func (m *Room) SetSize(ctx context.Context, tx *db.Tx, repo id.Repo, kib int64) error {
	if _, err := tx.Exec(ctx, `UPDATE repositories SET size_kib = $2 WHERE id = $1`, repo, kib); err != nil {
		return fmt.Errorf("record size of repository %d: %w", repo, err)
	}
	return nil
}
