// Package repo is the room of repositories: what they are called, who owns
// them, who else may use them, where a renamed one went, what may be pushed to
// which branch, and how much room there is. It writes the tables repositories,
// collaborators, repo_names, ref_rules and ref_rule_accounts, and it alone. It
// must never decide whether somebody may do a thing (the gate does) and never
// touch a repository's files (gitstore does).
package repo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// RedirectFor is how long a repository is still found by a name it had before,
// unless another repository takes that name first.
const RedirectFor = 90 * 24 * time.Hour

// Repo is a repository as the database knows it.
type Repo struct {
	ID            id.Repo
	Owner         id.Account
	OwnerLogin    string
	Name          string
	Description   string
	DefaultBranch string // a branch's name without refs/heads/; it may not exist yet
	Private       bool
	Archived      bool
	Format        string // the object format: sha1 or sha256
	Size          int64  // KiB on disk, as last measured
	CreatedAt     time.Time
	UpdatedAt     time.Time // last change of the settings or push
	PushedAt      time.Time // zero before the first push
	ForkOf        id.Repo   // what it was forked from; zero when nothing, or that was deleted
	TemplateOf    id.Repo   // the template that it was made from, in the same way
	OwnerIsOrg    bool
	Homepage      string
	Topics        string // words with single spaces between them, in the order in which they were given
	Template      bool   // others may make repositories of its files
	NoForking     bool   // an organisation's private repository that who reads it may not fork

	RulesAt    int64      // moves with every change of the rules; 0: there never was one
	BlockForce ForceBlock // where forced pushes are refused whatever the rules say
	LFSBytes   int64      // what Git LFS keeps for it
	Quota      int64      // bytes, or NoQuota or SiteQuota
	OwnerQuota int64      // the owner's for all repositories, in the same way
}

// FullName is "owner/name".
func (r *Repo) FullName() string { return r.OwnerLogin + "/" + r.Name }

// Facts are what the gate's decision needs to know of the repository, for
// somebody whose account has the given relation to it.
func (r *Repo) Facts(relation right.Level, closed bool) right.Facts {
	return right.Facts{Exists: true, Public: !r.Private, Archived: r.Archived, Relation: relation, Closed: closed, Owner: r.Owner, Repo: r.ID, OwnerLogin: r.OwnerLogin, Name: r.Name}
}

// Found is a repository together with what the account that asked may do there:
// by ownership, as a collaborator, as a member of the organisation that owns it,
// and by that organisation's teams. Being public adds nothing to Relation.
type Found struct {
	Repo
	Relation right.Level
	Renamed  bool // it was asked for by a name that it, or its owner, had before
}

// Options are the parts that a Room works with. DB, Account, Change and Audit
// are required.
type Options struct {
	DB      *db.DB
	Account *account.Room
	Change  *change.Bus
	Audit   *audit.Log
	Hooks   *hook.Room       // is told what happens to repositories; nil: nobody is
	Now     func() time.Time // nil is time.Now

	RepoQuota    int64 // bytes that a repository may take; 0: no limit
	AccountQuota int64 // bytes that all repositories of an account may take; 0: no limit
}

// Room holds the rules and queries of repositories. It keeps in memory what it
// found and the rules that it read, until they change; it may be used from
// several goroutines.
type Room struct {
	o      Options
	found  *foundCache
	rules  ruleCache
	usages usageCache
}

// New returns a Room. It panics when a required part is missing.
func New(o Options) *Room {
	if o.DB == nil || o.Account == nil || o.Change == nil || o.Audit == nil {
		panic("repo: DB, Account, Change and Audit are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Room{o: o, found: newFoundCache()}
	o.Change.Subscribe(m.found.hear)
	return m
}

// columns are those that every viewer gets alike, and the level of collaborators.
const columns = `r.id, r.owner_id, a.login, r.name, r.description, r.default_branch, r.private, r.archived,
	r.object_format, r.size_kib, r.created_at, r.updated_at, r.pushed_at, r.rules_at, r.block_force, r.lfs_bytes, r.quota, a.quota,
	r.fork_of, r.template_of, a.kind, r.homepage, r.topics, r.is_template, r.no_forking, COALESCE(c.level, 0)`

type scanner interface{ Scan(...any) error }

func scan(row scanner, viewer id.Account) (Found, error) {
	var f Found
	var created, updated, pushed int64
	var levels [3]uint8
	var kind string
	err := row.Scan(&f.ID, &f.Owner, &f.OwnerLogin, &f.Name, &f.Description, &f.DefaultBranch, &f.Private, &f.Archived,
		&f.Format, &f.Size, &created, &updated, &pushed, &f.RulesAt, &f.BlockForce, &f.LFSBytes, &f.Quota, &f.OwnerQuota, &f.ForkOf,
		&f.TemplateOf, &kind, &f.Homepage, &f.Topics, &f.Template, &f.NoForking, &levels[0], &levels[1], &levels[2])
	if err != nil {
		return Found{}, err
	}
	f.CreatedAt, f.UpdatedAt, f.PushedAt = db.Time(created), db.Time(updated), db.Time(pushed)
	f.OwnerIsOrg, f.Topics = kind == account.KindOrg, strings.TrimSpace(f.Topics)
	for _, level := range levels {
		// A level that this program does not know must not count as a higher one.
		if l := right.Level(level); l <= right.Admin {
			f.Relation = max(f.Relation, l)
		}
	}
	if viewer != 0 && f.Owner == viewer {
		f.Relation = right.Admin
	}
	return f, nil
}

func notFound() error {
	return problem.New(problem.NotFound, "there is no such repository", "")
}

// ByID returns the repository with that number, or problem.NotFound.
func (m *Room) ByID(ctx context.Context, r db.Reader, repo id.Repo) (Repo, error) {
	f, err := m.FindByID(ctx, r, repo, 0)
	return f.Repo, err
}

// FindByID is ByID with the viewer's relation, as Find has it.
func (m *Room) FindByID(ctx context.Context, r db.Reader, repo id.Repo, viewer id.Account) (Found, error) {
	f, err := scan(r.QueryRow(ctx, `
		SELECT `+columns2+`
		FROM repositories r
		JOIN accounts a ON a.id = r.owner_id
		LEFT JOIN collaborators c ON c.repo_id = r.id AND c.account_id = $2
		WHERE r.id = $1`, repo, viewer), viewer)
	if errors.Is(err, sql.ErrNoRows) {
		return Found{}, notFound()
	}
	if err != nil {
		return Found{}, fmt.Errorf("read repository %d: %w", repo, err)
	}
	return f, nil
}

// changed tells every process that what it knows of the repository is old.
func (m *Room) changed(ctx context.Context, tx *db.Tx, repo id.Repo) error {
	return m.o.Change.Record(ctx, tx, change.Change{Kind: change.RepoChanged, Subject: int64(repo)})
}

// record writes a line into the security log of the repository's owner.
func (m *Room) record(ctx context.Context, tx *db.Tx, actor right.Actor, action string, r *Repo, detail map[string]string) error {
	return m.o.Audit.Record(ctx, tx, audit.Entry{
		Action: action, Actor: actor, Account: r.Owner, Repo: r.ID, Target: r.FullName(), Detail: detail,
	})
}
