package org

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

// maxPending is how many invitations of an organisation wait at a time.
const maxPending = 200

// Membership is what somebody is in an organisation, or was invited to be.
type Membership struct {
	ID        id.Invitation
	Org       id.Account
	OrgLogin  string
	OrgText   string // the organisation's description
	Account   id.Account
	Login     string
	Name      string
	Role      Role
	Pending   bool
	Shown     bool       // to everybody
	InvitedBy id.Account // zero for the first owner and for the machine's administrator
	ByLogin   string
	Since     time.Time // of the invitation, or of the membership
	Suspended bool      // the account is
	Expired   bool      // the invitation is
}

const memberColumns = `m.id, m.org_id, oa.login, oa.bio, m.account_id, a.login, a.name, m.role, m.state, m.shown, m.invited_by, COALESCE(v.login, ''), m.created_at, a.suspended_at
	FROM org_members m JOIN accounts a ON a.id = m.account_id JOIN accounts oa ON oa.id = m.org_id LEFT JOIN accounts v ON v.id = m.invited_by`

func (m *Room) scanMember(row scanner) (Membership, error) {
	var x Membership
	var role, state uint8
	var at, suspended int64
	err := row.Scan(&x.ID, &x.Org, &x.OrgLogin, &x.OrgText, &x.Account, &x.Login, &x.Name, &role, &state, &x.Shown, &x.InvitedBy, &x.ByLogin, &at, &suspended)
	if err != nil {
		return Membership{}, err
	}
	if r := Role(role); r <= Owner {
		x.Role = r
	}
	x.Pending, x.Since, x.Suspended = state != active, db.Time(at), suspended != 0
	x.Expired = x.Pending && !m.o.Now().Before(x.Since.Add(InviteFor))
	return x, nil
}

func (m *Room) members(ctx context.Context, r db.Reader, rest string, args ...any) ([]Membership, error) {
	rows, err := r.Query(ctx, `SELECT `+memberColumns+` `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("list memberships: %w", err)
	}
	defer rows.Close()
	out := []Membership{}
	for rows.Next() {
		x, err := m.scanMember(rows)
		if err != nil {
			return nil, fmt.Errorf("list memberships: %w", err)
		}
		out = append(out, x)
	}
	return out, rows.Err()
}

// Membership returns what an account is in an organisation, invitations
// included, or problem.NotFound.
func (m *Room) Membership(ctx context.Context, r db.Reader, org, who id.Account) (Membership, error) {
	x, err := m.scanMember(r.QueryRow(ctx, `SELECT `+memberColumns+` WHERE m.org_id = $1 AND m.account_id = $2`, org, who))
	if errors.Is(err, sql.ErrNoRows) {
		return Membership{}, problem.New(problem.NotFound, "This account does not belong to the organization.", "")
	}
	if err != nil {
		return Membership{}, fmt.Errorf("read membership: %w", err)
	}
	return x, nil
}

// InvitationByID returns an invitation of that organisation, or problem.NotFound.
func (m *Room) InvitationByID(ctx context.Context, r db.Reader, org id.Account, n id.Invitation) (Membership, error) {
	x, err := m.scanMember(r.QueryRow(ctx, `SELECT `+memberColumns+` WHERE m.org_id = $1 AND m.id = $2 AND m.state <> $3`, org, n, active))
	if errors.Is(err, sql.ErrNoRows) {
		return Membership{}, problem.New(problem.NotFound, "There is no such invitation.", "")
	}
	if err != nil {
		return Membership{}, fmt.Errorf("read invitation: %w", err)
	}
	return x, nil
}

// MemberQuery says which members a list shall have.
type MemberQuery struct {
	Role      Role // only these; NoRole: all
	Pending   bool // invitations, in place of members
	OnlyShown bool // only who shows the membership to everybody
	Page      int  // from 1
	PerPage   int
}

// Members lists an organisation's members by login, and counts those of all pages.
func (m *Room) Members(ctx context.Context, r db.Reader, org id.Account, q MemberQuery) ([]Membership, int, error) {
	state := active
	if q.Pending {
		state = 0
	}
	const where = `WHERE m.org_id = $1 AND m.state = $2 AND (m.role = $3 OR $3 = 0) AND (m.shown OR NOT $4)`
	args := []any{org, state, int64(q.Role), q.OnlyShown}
	var total int
	if err := r.QueryRow(ctx, `SELECT COUNT(*) FROM org_members m `+where, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("count members: %w", err)
	}
	list, err := m.members(ctx, r, where+` ORDER BY a.login_key LIMIT $5 OFFSET $6`, append(args, q.PerPage, (max(q.Page, 1)-1)*q.PerPage)...)
	return list, total, err
}

// Of lists what an account belongs to, or is invited to when pending, by the
// organisations' logins. onlyShown leaves out what it does not show to everybody.
func (m *Room) Of(ctx context.Context, r db.Reader, who id.Account, pending, onlyShown bool) ([]Membership, error) {
	state, since := active, int64(0)
	if pending {
		state, since = 0, db.Micros(m.o.Now().Add(-InviteFor))
	}
	return m.members(ctx, r, `WHERE m.account_id = $1 AND m.state = $2 AND m.created_at > $3 AND (m.shown OR NOT $4) ORDER BY oa.login_key`, who, state, since, onlyShown)
}

// Mine lists the organisations that an account is a member of, by their logins.
func (m *Room) Mine(ctx context.Context, r db.Reader, who id.Account) ([]Found, error) {
	rows, err := r.Query(ctx, `
		SELECT `+columns+`
		FROM org_members m JOIN accounts a ON a.id = m.org_id JOIN orgs o ON o.account_id = a.id
		WHERE m.account_id = $1 AND m.state = $2
		ORDER BY a.login_key`, who, active)
	if err != nil {
		return nil, fmt.Errorf("list organizations: %w", err)
	}
	defer rows.Close()
	var out []Found
	for rows.Next() {
		f, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("list organizations: %w", err)
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

// SetRole gives a member a role, or invites somebody who is none to it. Only the
// machine's administrator makes a member without asking. It fails with
// problem.Invalid, and with problem.Conflict for the last owner.
func (m *Room) SetRole(ctx context.Context, actor right.Actor, org, who id.Account, role Role) (Membership, error) {
	if role != Member && role != Owner {
		return Membership{}, problem.Field("role", "role must be member or admin")
	}
	var out Membership
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := m.touch(ctx, tx, org); err != nil {
			return err
		}
		if err := m.mayBe(ctx, tx, org, who, role); err != nil {
			return err
		}
		was, err := m.Membership(ctx, tx, org, who)
		if problem.Is(err, problem.NotFound) {
			return m.invite(ctx, tx, actor, org, who, role, &out)
		}
		if err != nil {
			return err
		}
		out = was
		if was.Role == role && !was.Expired {
			return nil
		}
		if err := m.keepOwner(ctx, tx, &was); err != nil && role != Owner {
			return err
		}
		now := was.Since
		if was.Pending {
			now = m.o.Now() // it counts from now on
		}
		if _, err := tx.Exec(ctx, `UPDATE org_members SET role = $2, created_at = $3 WHERE id = $1`, was.ID, int64(role), db.Micros(now)); err != nil {
			return fmt.Errorf("update membership: %w", err)
		}
		out, err = m.Membership(ctx, tx, org, who)
		if err != nil {
			return err
		}
		action := "org.update_member"
		if was.Pending {
			action = "org.update_invitation"
		}
		if err := m.record(ctx, tx, actor, action, org, was.Login, map[string]string{"permission": role.String(), "old_permission": was.Role.String()}); err != nil {
			return err
		}
		if err := m.demoted(ctx, tx, actor, &was); err != nil {
			return err
		}
		return m.changed(ctx, tx, org)
	})
	return out, err
}

// WhenDemoted registers f to run inside the transaction by which an owner of an
// organisation is none any more. Call it before the room is used; it is for rooms
// that keep what rests on that.
func (m *Room) WhenDemoted(f func(ctx context.Context, tx *db.Tx, actor right.Actor, org, who id.Account) error) {
	m.lost = append(m.lost, f)
}

// demoted says that somebody is not any more what x says, if that was an owner.
func (m *Room) demoted(ctx context.Context, tx *db.Tx, actor right.Actor, x *Membership) error {
	if x.Pending || x.Role != Owner {
		return nil
	}
	for _, f := range m.lost {
		if err := f(ctx, tx, actor, x.Org, x.Account); err != nil {
			return err
		}
	}
	return nil
}

// mayBe refuses a machine what no machine is: an owner, or a member of another
// organisation than the one that manages it.
func (m *Room) mayBe(ctx context.Context, tx *db.Tx, org, who id.Account, role Role) error {
	a, err := m.o.Account.ByID(ctx, tx, who)
	switch {
	case err != nil || !a.IsMachine():
		return err
	case a.Place != 0 || a.Manager != org:
		return problem.Field("username", "A service account can belong only to the organization that manages it.")
	case role == Owner:
		return problem.Field("role", "A service account can't own an organization.")
	}
	return nil
}

// JoinTx makes a service account of the organisation its member.
func (m *Room) JoinTx(ctx context.Context, tx *db.Tx, actor right.Actor, org, machine id.Account) error {
	if err := m.touch(ctx, tx, org); err != nil {
		return err
	}
	if err := m.mayBe(ctx, tx, org, machine, Member); err != nil {
		return err
	}
	var out Membership
	return m.insert(ctx, tx, actor, org, machine, Member, active, &out)
}

func (m *Room) invite(ctx context.Context, tx *db.Tx, actor right.Actor, org, who id.Account, role Role, out *Membership) error {
	invited, err := m.o.Account.ByID(ctx, tx, who)
	if err != nil {
		return err
	}
	if invited.IsOrg() {
		return problem.Field("username", "An organization can't belong to an organization.")
	}
	var waiting int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM org_members WHERE org_id = $1 AND state <> $2`, org, active).Scan(&waiting); err != nil {
		return fmt.Errorf("count invitations: %w", err)
	}
	if waiting >= maxPending {
		return problem.New(problem.Invalid, "Too many invitations are waiting for an answer.", "Withdraw some first.")
	}
	state := 0
	if actor.Kind == right.OperatorCommand || invited.IsMachine() { // which its own organisation asks nobody about
		state = active
	}
	return m.insert(ctx, tx, actor, org, who, role, state, out)
}

// insert makes a member, or somebody who is invited to be one.
func (m *Room) insert(ctx context.Context, tx *db.Tx, actor right.Actor, org, who id.Account, role Role, state int, out *Membership) error {
	action := "org.invite_member"
	if state == active {
		action = "org.add_member"
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO org_members (org_id, account_id, role, state, shown, invited_by, created_at) VALUES ($1, $2, $3, $4, FALSE, $5, $6)`,
		org, who, int64(role), state, actor.Account, db.Micros(m.o.Now()))
	if err != nil {
		return fmt.Errorf("insert membership: %w", err)
	}
	if *out, err = m.Membership(ctx, tx, org, who); err != nil {
		return err
	}
	if err := m.record(ctx, tx, actor, action, org, out.Login, map[string]string{"permission": role.String()}); err != nil {
		return err
	}
	if out.Pending {
		err = m.tellInvited(ctx, tx, actor, out)
	} else {
		err = m.tellMember(ctx, tx, actor, out, nil, "added")
	}
	if err != nil {
		return err
	}
	return m.changed(ctx, tx, org)
}

// Accept makes the actor, who was invited, a member. An invitation counts only
// while whoever sent it still owns the organisation. It fails with
// problem.NotFound when there is none that can be accepted.
func (m *Room) Accept(ctx context.Context, actor right.Actor, org id.Account) (Membership, error) {
	var out Membership
	err := m.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := m.touch(ctx, tx, org); err != nil {
			return err
		}
		was, err := m.Membership(ctx, tx, org, actor.Account)
		if err != nil {
			return err
		}
		if out = was; !was.Pending {
			return nil
		}
		if err := m.stillInvited(ctx, tx, &was); err != nil {
			return err
		}
		if was.Role == Owner {
			if err := m.mayOwnMore(ctx, tx, actor, actor.Account); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `UPDATE org_members SET state = $2, created_at = $3 WHERE id = $1`, was.ID, active, db.Micros(m.o.Now()))
		if err != nil {
			return fmt.Errorf("accept invitation: %w", err)
		}
		if out, err = m.Membership(ctx, tx, org, actor.Account); err != nil {
			return err
		}
		if err := m.record(ctx, tx, actor, "org.add_member", org, was.Login, map[string]string{"permission": was.Role.String(), "invited_by": was.ByLogin}); err != nil {
			return err
		}
		teams, err := m.teamsIn(ctx, tx, org, actor.Account)
		if err == nil {
			err = m.tellMember(ctx, tx, actor, &out, teams, "added")
		}
		if err != nil {
			return err
		}
		return m.changed(ctx, tx, org)
	})
	return out, err
}

func (m *Room) stillInvited(ctx context.Context, tx *db.Tx, x *Membership) error {
	gone := problem.New(problem.NotFound, "This invitation can't be accepted any more.", "Ask an owner of the organization for another one.")
	if x.Expired {
		return gone
	}
	if x.InvitedBy == 0 {
		return nil
	}
	by, err := m.Membership(ctx, tx, x.Org, x.InvitedBy)
	if problem.Is(err, problem.NotFound) || err == nil && (by.Pending || by.Role != Owner || by.Suspended) {
		return gone
	}
	return err
}

// RemoveTx ends a membership or an invitation, with the account's places in
// teams. What else hangs on it is lifecycle's to end. The last owner stays:
// problem.Conflict.
func (m *Room) RemoveTx(ctx context.Context, tx *db.Tx, actor right.Actor, org, who id.Account) error {
	was, err := m.remove(ctx, tx, actor, org, who)
	if err != nil {
		return err
	}
	return m.demoted(ctx, tx, actor, &was)
}

// remove is RemoveTx for an account of which nothing is left that rests on its place.
func (m *Room) remove(ctx context.Context, tx *db.Tx, actor right.Actor, org, who id.Account) (was Membership, err error) {
	if err := m.touch(ctx, tx, org); err != nil {
		return was, err
	}
	if was, err = m.Membership(ctx, tx, org, who); err != nil {
		return was, err
	}
	if err := m.keepOwner(ctx, tx, &was); err != nil {
		return was, err
	}
	teams, err := m.teamsIn(ctx, tx, org, who)
	if err != nil {
		return was, err
	}
	_, err = tx.Exec(ctx, `DELETE FROM team_members WHERE account_id = $2 AND team_id IN (SELECT id FROM teams WHERE org_id = $1)`, org, who)
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM org_members WHERE org_id = $1 AND account_id = $2`, org, who)
	}
	if err != nil {
		return was, fmt.Errorf("remove membership: %w", err)
	}
	action := "org.remove_member"
	if was.Pending {
		action = "org.cancel_invitation"
	}
	if err := m.record(ctx, tx, actor, action, org, was.Login, nil); err != nil {
		return was, err
	}
	if !was.Pending {
		if err := m.tellMember(ctx, tx, actor, &was, teams, "removed"); err != nil {
			return was, err
		}
	}
	return was, m.changed(ctx, tx, org)
}

// keepOwner refuses what would leave the organisation without an owner who can
// act.
func (m *Room) keepOwner(ctx context.Context, tx *db.Tx, x *Membership) error {
	if x.Pending || x.Role != Owner {
		return nil
	}
	var others int
	err := tx.QueryRow(ctx, `
		SELECT COUNT(*) FROM org_members m JOIN accounts a ON a.id = m.account_id
		WHERE m.org_id = $1 AND m.state = $2 AND m.role = $3 AND m.account_id <> $4 AND a.suspended_at = 0`,
		x.Org, active, int64(Owner), x.Account).Scan(&others)
	if err != nil {
		return fmt.Errorf("count owners: %w", err)
	}
	if others == 0 {
		return problem.New(problem.Conflict, x.Login+" is the last owner of "+x.OrgLogin+".", "Make somebody else an owner first, or delete the organization.")
	}
	return nil
}

// Show shows the account's membership to everybody, or hides it.
func (m *Room) Show(ctx context.Context, actor right.Actor, org, who id.Account, shown bool) error {
	return m.o.DB.Write(ctx, func(tx *db.Tx) error {
		was, err := m.Membership(ctx, tx, org, who)
		if err != nil || was.Shown == shown || was.Pending {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE org_members SET shown = $2 WHERE id = $1`, was.ID, shown); err != nil {
			return fmt.Errorf("show membership: %w", err)
		}
		return nil
	})
}

// LeaveAllTx ends every membership of an account that goes away. It fails with
// problem.Conflict where it is the last owner.
func (m *Room) LeaveAllTx(ctx context.Context, tx *db.Tx, actor right.Actor, who id.Account) error {
	list, err := m.members(ctx, tx, `WHERE m.account_id = $1 ORDER BY m.org_id`, who)
	if err != nil {
		return err
	}
	for _, x := range list {
		if _, err := m.remove(ctx, tx, actor, x.Org, who); err != nil {
			return err
		}
	}
	return nil
}
