package account

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// MaxMachines is how many service accounts one person or organisation manages.
const MaxMachines = 50

// managerColumn is who answers for a machine: who manages a service account, or
// the owner of the repository that a hidden one belongs to. It is 0 for all
// others. The query names accounts a.
const managerColumn = `CASE WHEN a.managed_repo = 0 THEN a.managed_by ELSE COALESCE((SELECT mr.owner_id FROM repositories mr WHERE mr.id = a.managed_repo), 0) END`

// NewMachine is what a service account is made of.
type NewMachine struct {
	Login       string
	Description string     // what it is for
	Manager     id.Account // a person or an organisation
}

// Named reports whether the account has a login by which it is found: all but the
// hidden machine of a repository have.
func (a *Account) Named() bool { return a.Place == 0 }

// CreateMachineTx makes a service account. It fails with problem.Invalid for the
// field that is wrong, and when the manager has MaxMachines.
func (r *Room) CreateMachineTx(ctx context.Context, tx *db.Tx, actor right.Actor, n NewMachine) (Account, error) {
	if err := CheckLogin(n.Login); err != nil {
		return Account{}, err
	}
	p, err := (Profile{Bio: n.Description}).check()
	if err != nil {
		return Account{}, asDescription(err)
	}
	manager, err := r.ByID(ctx, tx, n.Manager)
	if err != nil {
		return Account{}, err
	}
	if manager.IsMachine() {
		return Account{}, problem.New(problem.Invalid, "A service account can't have service accounts.", "")
	}
	var have int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM accounts WHERE managed_by = $1`, n.Manager).Scan(&have); err != nil {
		return Account{}, fmt.Errorf("count service accounts: %w", err)
	}
	if have >= MaxMachines {
		return Account{}, problem.Field("login", fmt.Sprintf("%s has %d service accounts, and there can't be more: delete one that is not needed", manager.Login, MaxMachines))
	}
	if err := r.free(ctx, tx, n.Login, 0); err != nil {
		return Account{}, err
	}
	return r.insertMachine(ctx, tx, actor, n.Login, p.Bio, n.Manager, 0)
}

func asDescription(err error) error {
	if p := problem.Of(err); err != nil && p.Field == "bio" {
		return problem.Field("description", strings.Replace(p.Public, "Bio", "Description", 1))
	}
	return err
}

func (r *Room) insertMachine(ctx context.Context, tx *db.Tx, actor right.Actor, login, bio string, manager id.Account, place id.Repo) (Account, error) {
	var a id.Account
	err := tx.QueryRow(ctx, `
		INSERT INTO accounts (kind, login, login_key, name, bio, site_admin, created_at, updated_at, managed_by, managed_repo)
		VALUES ($1, $2, $3, '', $4, FALSE, $5, $5, $6, $7)
		ON CONFLICT (login_key) DO NOTHING
		RETURNING id`,
		KindMachine, login, key(login), bio, db.Micros(r.o.Now()), manager, place).Scan(&a)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, taken(login)
	}
	if err != nil {
		return Account{}, fmt.Errorf("insert service account: %w", err)
	}
	if err := r.record(ctx, tx, actor, "service_account.create", a, login, nil); err != nil {
		return Account{}, err
	}
	return r.ByID(ctx, tx, a)
}

// Machines lists the service accounts that an account manages, by login.
func (r *Room) Machines(ctx context.Context, read db.Reader, manager id.Account) ([]Account, error) {
	if manager == 0 {
		return nil, nil
	}
	return r.list(ctx, read, ` WHERE a.managed_by = $1 ORDER BY a.login_key`, manager)
}

// MachineOf returns the service account of that login which manager manages, or
// problem.NotFound, also for somebody else's.
func (r *Room) MachineOf(ctx context.Context, read db.Reader, manager id.Account, login string) (Account, error) {
	a, err := r.ByLogin(ctx, read, login)
	if err == nil && (a.Kind != KindMachine || a.Manager != manager || a.Place != 0 || manager == 0) {
		return Account{}, problem.New(problem.NotFound, "There is no such service account.", "")
	}
	return a, err
}

// Describe says anew what a service account is for.
func (r *Room) Describe(ctx context.Context, actor right.Actor, a id.Account, description string) (Account, error) {
	old, err := r.ByID(ctx, r.o.DB, a)
	if err != nil {
		return Account{}, err
	}
	out, err := r.UpdateProfile(ctx, actor, a, Profile{Name: old.Name, Bio: description, Location: old.Location, Website: old.Website})
	return out, asDescription(err)
}

// MachineSlug is what stands before "[bot]" in the login of a repository's hidden
// machine: as an application would be called.
func MachineSlug(repo id.Repo) string { return fmt.Sprintf("deploy-%d", repo) }

// machineLogin is how the hidden machine of a repository is called: nobody can
// have that login, or find an account by it.
func machineLogin(repo id.Repo) string { return MachineSlug(repo) + "[bot]" }

// PlaceOf is the repository that a login of a hidden machine names.
func PlaceOf(login string) (id.Repo, bool) {
	number, ok := strings.CutPrefix(login, "deploy-")
	number, bot := strings.CutSuffix(number, "[bot]")
	repo, good := id.Parse[id.Repo](number)
	return repo, ok && bot && good
}

// OfPlace returns the hidden machine of a repository, or problem.NotFound. That who
// asks may know of it is for the caller to have asked.
func (r *Room) OfPlace(ctx context.Context, read db.Reader, repo id.Repo) (Account, error) {
	return one(read.QueryRow(ctx, `SELECT`+columns+` WHERE a.managed_repo = $1 AND a.managed_repo <> 0`, repo))
}

// MachineOfRepo returns the hidden account that acts for what a repository lets in
// by itself, and makes it at first. It has no access by that: the room of
// repositories gives it some.
func (r *Room) MachineOfRepo(ctx context.Context, tx *db.Tx, actor right.Actor, repo id.Repo) (id.Account, error) {
	a, err := r.FindMachineOfRepo(ctx, tx, repo)
	if err != nil || a != 0 {
		return a, err
	}
	made, err := r.insertMachine(ctx, tx, actor, machineLogin(repo), "", 0, repo)
	return made.ID, err
}

// FindMachineOfRepo is MachineOfRepo that makes nothing: 0 when there is none yet.
func (r *Room) FindMachineOfRepo(ctx context.Context, read db.Reader, repo id.Repo) (id.Account, error) {
	var a id.Account
	err := read.QueryRow(ctx, `SELECT id FROM accounts WHERE managed_repo = $1 AND managed_repo <> 0`, repo).Scan(&a)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("find the repository's machine: %w", err)
	}
	return a, nil
}

// MovedTx tells every process that who answers for a repository's machine is
// another one now.
func (r *Room) MovedTx(ctx context.Context, tx *db.Tx, repo id.Repo) error {
	a, err := r.FindMachineOfRepo(ctx, tx, repo)
	if err != nil || a == 0 {
		return err
	}
	return r.o.Change.Record(ctx, tx, change.Change{Kind: change.AccountChanged, Subject: int64(a)})
}

// tellMachines makes every process ask again about the machines for which a
// answers: what runs by their tokens ends, or begins to work, with its access.
func (r *Room) tellMachines(ctx context.Context, tx *db.Tx, a id.Account) error {
	rows, err := tx.Query(ctx, `
		SELECT id FROM accounts WHERE managed_by = $1
		UNION SELECT m.id FROM repositories x JOIN accounts m ON m.managed_repo = x.id WHERE x.owner_id = $1`, a)
	if err != nil {
		return fmt.Errorf("list machines: %w", err)
	}
	defer rows.Close()
	var all []id.Account
	for rows.Next() {
		var m id.Account
		if err := rows.Scan(&m); err != nil {
			return fmt.Errorf("list machines: %w", err)
		}
		all = append(all, m)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("list machines: %w", err)
	}
	for _, m := range all {
		if err := r.o.Change.Record(ctx, tx, change.Change{Kind: change.AccountChanged, Subject: int64(m)}); err != nil {
			return err
		}
	}
	return nil
}

// Manager says who answers for an account and how that is called: nobody, 0, for
// a person or an organisation. It is for rooms that write into both logs.
func Manager(ctx context.Context, read db.Reader, a id.Account) (manager id.Account, login string, err error) {
	err = read.QueryRow(ctx, `SELECT `+managerColumn+`, a.login FROM accounts a WHERE a.id = $1`, a).Scan(&manager, &login)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "", nil
	}
	if err != nil {
		return 0, "", fmt.Errorf("read who manages the account: %w", err)
	}
	return manager, login, nil
}

// alsoFor writes a line of a machine's log into that of who answers for it.
func (r *Room) alsoFor(ctx context.Context, tx *db.Tx, e audit.Entry) error {
	manager, _, err := Manager(ctx, tx, e.Account)
	if err != nil || manager == 0 {
		return err
	}
	e.Account = manager
	return r.o.Audit.Record(ctx, tx, e)
}
