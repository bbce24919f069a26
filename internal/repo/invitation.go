package repo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// InviteFor is how long an invitation can be accepted.
const InviteFor = 7 * 24 * time.Hour

// The most invitations that wait at a time: of one repository, and from one
// person. Whoever is invited hears of it, so nobody invites the whole site.
const (
	maxPerRepo    = 50
	maxPerInviter = 200
)

// Invitation asks somebody to collaborate on a repository, or, with the level
// None, to become its owner.
type Invitation struct {
	ID        id.Invitation
	Repo      Repo
	Invitee   id.Account
	Login     string // the invitee's
	Inviter   id.Account
	ByLogin   string // the inviter's; empty when the account is gone or was the machine's administrator
	Level     right.Level
	NewName   string // of an offer: what the repository shall be called then; empty: as it is
	CreatedAt time.Time
	Expired   bool
}

// Offer reports whether the invitation is one to own the repository.
func (i *Invitation) Offer() bool { return i.Level == right.None }

const invitationColumns = `i.id, i.account_id, b.login, i.invited_by, COALESCE(v.login, ''), i.level, i.new_name, i.created_at`

func (m *Room) scanInvitation(row scanner, rest ...any) (Invitation, error) {
	var i Invitation
	var level uint8
	var at int64
	if err := row.Scan(append([]any{&i.ID, &i.Invitee, &i.Login, &i.Inviter, &i.ByLogin, &level, &i.NewName, &at}, rest...)...); err != nil {
		return Invitation{}, err
	}
	if l := right.Level(level); l <= right.Admin {
		i.Level = l
	}
	i.CreatedAt = db.Time(at)
	i.Expired = !m.o.Now().Before(i.CreatedAt.Add(InviteFor))
	return i, nil
}

// Invite asks an account to collaborate with that level. Somebody who
// collaborates already gets the level at once, and so does a machine for which the
// actor answers, and nil is returned; somebody
// who is invited already keeps the invitation, with the new level. It fails
// with problem.Invalid and problem.TooMany.
func (m *Room) Invite(ctx context.Context, actor right.Actor, repo id.Repo, who id.Account, level right.Level) (*Invitation, error) {
	if level == right.None || level > right.Admin {
		return nil, problem.Field("permission", "permission must be read, write or admin")
	}
	var out *Invitation
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		out = nil
		r, err := m.ByID(ctx, tx, repo)
		if err != nil {
			return err
		}
		invitee, err := m.o.Account.ByID(ctx, tx, who)
		if err != nil {
			return err
		}
		if err := mayCollaborate(&r, &invitee); err != nil {
			return err
		}
		var have right.Level
		err = tx.QueryRow(ctx, `SELECT level FROM collaborators WHERE repo_id = $1 AND account_id = $2`, repo, who).Scan(&have)
		if err == nil {
			return m.relevel(ctx, tx, actor, &r, who, invitee.Login, have, level)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("read collaborator: %w", err)
		}
		own, err := m.answersFor(ctx, tx, &actor, &r, &invitee)
		if err != nil {
			return err
		}
		i, err := m.insertInvitation(ctx, tx, actor, repo, who, level, "")
		if err != nil {
			return err
		}
		if own { // there is nobody else to ask
			return m.AcceptTx(ctx, tx, actor, &i)
		}
		out = &i
		return m.record(ctx, tx, actor, "repository_invitation.create", &r, map[string]string{"user": invitee.Login, "permission": level.String()})
	})
	return out, err
}

// relevel gives a collaborator another level.
func (m *Room) relevel(ctx context.Context, tx *db.Tx, actor right.Actor, r *Repo, who id.Account, login string, before, level right.Level) error {
	if before == level {
		return nil
	}
	if _, err := m.setLevel(ctx, tx, r.ID, who, level); err != nil {
		return err
	}
	if err := m.tellMember(ctx, tx, actor, r.ID, who, login, before, level); err != nil {
		return err
	}
	detail := map[string]string{"user": login, "permission": level.String(), "old_permission": before.String()}
	if err := m.record(ctx, tx, actor, "repo.update_member", r, detail); err != nil {
		return err
	}
	return m.changed(ctx, tx, r.ID)
}

func (m *Room) insertInvitation(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo, who id.Account, level right.Level, name string) (Invitation, error) {
	now := m.o.Now()
	if _, err := tx.Exec(ctx, `DELETE FROM repo_invitations WHERE created_at <= $1`, db.Micros(now.Add(-InviteFor))); err != nil {
		return Invitation{}, fmt.Errorf("drop old invitations: %w", err)
	}
	var ofRepo, byPerson int
	err := tx.QueryRow(ctx, `
		SELECT (SELECT COUNT(*) FROM repo_invitations WHERE repo_id = $1 AND account_id <> $3),
			(SELECT COUNT(*) FROM repo_invitations WHERE invited_by = $2 AND NOT (repo_id = $1 AND account_id = $3))`, repo, actor.Account, who).Scan(&ofRepo, &byPerson)
	if err != nil {
		return Invitation{}, fmt.Errorf("count invitations: %w", err)
	}
	if ofRepo >= maxPerRepo || actor.Account != 0 && byPerson >= maxPerInviter {
		return Invitation{}, problem.New(problem.Invalid, "Too many invitations are waiting for an answer.", "Withdraw some, or wait until they are answered.")
	}
	var n id.Invitation
	err = tx.QueryRow(ctx, `
		INSERT INTO repo_invitations (repo_id, account_id, level, invited_by, new_name, created_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (repo_id, account_id) DO UPDATE SET level = excluded.level, invited_by = excluded.invited_by, new_name = excluded.new_name, created_at = excluded.created_at
		RETURNING id`, repo, who, int64(level), actor.Account, name, db.Micros(now)).Scan(&n)
	if err != nil {
		return Invitation{}, fmt.Errorf("insert invitation: %w", err)
	}
	return m.Invitation(ctx, tx, n)
}

// Offer asks an account to become the repository's owner, under the name newName
// if that is not empty.
func (m *Room) Offer(ctx context.Context, tx *db.Tx, actor right.Actor, r *Repo, to id.Account, login, newName string) error {
	if _, err := m.insertInvitation(ctx, tx, actor, r.ID, to, right.None, newName); err != nil {
		return err
	}
	return m.record(ctx, tx, actor, "repo.transfer_start", r, map[string]string{"to": login})
}

// Invitation returns one invitation with its repository, or problem.NotFound.
func (m *Room) Invitation(ctx context.Context, r db.Reader, n id.Invitation) (Invitation, error) {
	var repo id.Repo
	i, err := m.scanInvitation(r.QueryRow(ctx, `
		SELECT `+invitationColumns+`, i.repo_id
		FROM repo_invitations i JOIN accounts b ON b.id = i.account_id LEFT JOIN accounts v ON v.id = i.invited_by
		WHERE i.id = $1`, n), &repo)
	if errors.Is(err, sql.ErrNoRows) {
		return Invitation{}, noInvitation()
	}
	if err != nil {
		return Invitation{}, fmt.Errorf("read invitation: %w", err)
	}
	i.Repo, err = m.ByID(ctx, r, repo)
	return i, err
}

func noInvitation() error {
	return problem.New(problem.NotFound, "There is no such invitation.", "It may have been withdrawn, or a week has gone by. Ask for another one.")
}

// Invitations lists those of a repository, or, when repo is zero, those that wait
// for who, offers included.
func (m *Room) Invitations(ctx context.Context, r db.Reader, repo id.Repo, who id.Account) ([]Invitation, error) {
	condition, arg := `i.repo_id = $1 AND i.level > 0`, any(repo)
	if repo == 0 {
		condition, arg = `i.account_id = $1 AND i.created_at > `+fmt.Sprint(db.Micros(m.o.Now().Add(-InviteFor))), any(who)
	}
	// The invited is nobody's viewer here: what the repository is to them is asked
	// of the gate, elsewhere.
	rows, err := r.Query(ctx, `
		SELECT `+invitationColumns+`, `+columns+`, 0, 0
		FROM repo_invitations i JOIN accounts b ON b.id = i.account_id LEFT JOIN accounts v ON v.id = i.invited_by
		JOIN repositories r ON r.id = i.repo_id
		JOIN accounts a ON a.id = r.owner_id
		LEFT JOIN collaborators c ON c.repo_id = r.id AND c.account_id = 0
		WHERE `+condition+`
		ORDER BY i.id`, arg)
	if err != nil {
		return nil, fmt.Errorf("list invitations: %w", err)
	}
	defer rows.Close()
	out := []Invitation{}
	for rows.Next() {
		var i Invitation
		f, err := scan(scanFunc(func(rest ...any) (err error) {
			i, err = m.scanInvitation(rows, rest...)
			return err
		}), 0)
		if err != nil {
			return nil, fmt.Errorf("list invitations: %w", err)
		}
		i.Repo = f.Repo
		out = append(out, i)
	}
	return out, rows.Err()
}

// scanFunc scans what stands behind the columns that it reads itself.
type scanFunc func(rest ...any) error

// Scan implements scanner.
func (f scanFunc) Scan(rest ...any) error { return f(rest...) }

// WaitingFor counts the invitations that wait for an account.
func (m *Room) WaitingFor(ctx context.Context, r db.Reader, who id.Account) (int, error) {
	var n int
	err := r.QueryRow(ctx, `SELECT COUNT(*) FROM repo_invitations WHERE account_id = $1 AND created_at > $2`, who, db.Micros(m.o.Now().Add(-InviteFor))).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count invitations: %w", err)
	}
	return n, nil
}

// SetInvitation gives an invitation of that repository another level.
func (m *Room) SetInvitation(ctx context.Context, actor right.Actor, repo id.Repo, n id.Invitation, level right.Level) (Invitation, error) {
	if level == right.None || level > right.Admin {
		return Invitation{}, problem.Field("permissions", "permissions must be read, write or admin")
	}
	var out Invitation
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		i, err := m.Invitation(ctx, tx, n)
		if err != nil {
			return err
		}
		if i.Repo.ID != repo || i.Offer() {
			return noInvitation()
		}
		if _, err := tx.Exec(ctx, `UPDATE repo_invitations SET level = $2 WHERE id = $1`, n, int64(level)); err != nil {
			return fmt.Errorf("update invitation: %w", err)
		}
		i.Level = level
		out = i
		return m.record(ctx, tx, actor, "repository_invitation.update", &i.Repo, map[string]string{"user": i.Login, "permission": level.String()})
	})
	return out, err
}

// Withdraw takes an invitation of that repository back.
func (m *Room) Withdraw(ctx context.Context, actor right.Actor, repo id.Repo, n id.Invitation) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		i, err := m.Invitation(ctx, tx, n)
		if err != nil {
			return err
		}
		if i.Repo.ID != repo {
			return noInvitation()
		}
		return m.end(ctx, tx, actor, &i, "repository_invitation.cancel")
	})
}

func (m *Room) end(ctx context.Context, tx *db.Tx, actor right.Actor, i *Invitation, action string) error {
	if err := m.uninvite(ctx, tx, i.Repo.ID, i.Invitee); err != nil {
		return err
	}
	return m.record(ctx, tx, actor, action, &i.Repo, map[string]string{"user": i.Login})
}

func (m *Room) uninvite(ctx context.Context, tx *db.Tx, repo id.Repo, who id.Account) error {
	if _, err := tx.Exec(ctx, `DELETE FROM repo_invitations WHERE repo_id = $1 AND account_id = $2`, repo, who); err != nil {
		return fmt.Errorf("end invitation: %w", err)
	}
	return nil
}

// OwnInvitation returns an invitation of who's own that is not out of date, or
// problem.NotFound, also for one of somebody else's.
func (m *Room) OwnInvitation(ctx context.Context, r db.Reader, who id.Account, n id.Invitation) (Invitation, error) {
	i, err := m.Invitation(ctx, r, n)
	if err == nil && (i.Invitee != who || who == 0 || i.Expired) {
		err = noInvitation()
	}
	return i, err
}

// AcceptTx makes who was invited a collaborator. That whoever invited may still do so
// is the caller's to ask: who has lost the right to invite since gives nothing.
func (m *Room) AcceptTx(ctx context.Context, tx *db.Tx, actor right.Actor, i *Invitation) error {
	before, err := m.setLevel(ctx, tx, i.Repo.ID, i.Invitee, i.Level)
	if err != nil {
		return err
	}
	detail := map[string]string{"user": i.Login, "permission": i.Level.String(), "invited_by": i.ByLogin}
	action := "repo.add_member"
	if before != right.None {
		action = "repo.update_member"
	}
	if err := m.record(ctx, tx, actor, action, &i.Repo, detail); err != nil {
		return err
	}
	if err := m.tellMember(ctx, tx, actor, i.Repo.ID, i.Invitee, i.Login, before, i.Level); err != nil {
		return err
	}
	if err := m.end(ctx, tx, actor, i, "repository_invitation.accept"); err != nil {
		return err
	}
	return m.changed(ctx, tx, i.Repo.ID)
}

// Decline ends an invitation of who: of the actor, or of a machine for which the
// actor answers.
func (m *Room) Decline(ctx context.Context, actor right.Actor, who id.Account, n id.Invitation) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		i, err := m.OwnInvitation(ctx, tx, who, n)
		if err != nil {
			return err
		}
		return m.end(ctx, tx, actor, &i, "repository_invitation.reject")
	})
}
