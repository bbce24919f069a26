package lifecycle_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jeton/internal/account"
	"jeton/internal/application"
	"jeton/internal/audit"
	"jeton/internal/blob"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/gitstore"
	"jeton/internal/id"
	"jeton/internal/keys"
	"jeton/internal/largefile"
	"jeton/internal/lifecycle"
	"jeton/internal/limit"
	"jeton/internal/org"
	"jeton/internal/policy"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/signin"
	"jeton/internal/token"
)

const password = "vellum orbit kestrel thirteen"

// house is the flow with real rooms, a real database and a real folder.
type house struct {
	*lifecycle.Flow
	d        *db.DB
	accounts *account.Room
	signin   *signin.Room
	tokens   *token.Room
	repos    *repo.Room
	orgs     *org.Room
	git      *gitstore.Store
	now      time.Time

	owner, other id.Account
}

func newHouse(t testing.TB, d *db.DB) *house {
	t.Helper()
	h := &house{d: d, now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return h.now }
	ring, err := keys.Open(t.Context(), keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: d})
	if err != nil {
		t.Fatal(err)
	}
	bus := change.New(change.Options{DB: d}) // it asks from a goroutine of its own
	if err := bus.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	log := audit.New(audit.Options{DB: d, Now: now})
	h.accounts = account.New(account.Options{DB: d, Change: bus, Audit: log, Now: now})
	h.signin = signin.New(signin.Options{DB: d, Account: h.accounts, Keys: ring, Change: bus, Audit: log, Now: now, Cost: signin.Cost{Memory: 64, Passes: 1, Lanes: 1}})
	h.tokens = token.New(token.Options{DB: d, Keys: ring, Change: bus, Audit: log, Policies: policy.New(policy.Options{DB: d, Change: bus, Audit: log}), Now: now})
	h.repos = repo.New(repo.Options{DB: d, Account: h.accounts, Change: bus, Audit: log, Now: now})
	h.orgs = org.New(org.Options{DB: d, Account: h.accounts, Change: bus, Audit: log, Now: now})
	if h.git, err = gitstore.Open(gitstore.Options{Dir: filepath.Join(t.TempDir(), "repositories")}); err != nil {
		t.Fatal(err)
	}
	h.Flow = lifecycle.New(lifecycle.Options{DB: d, Account: h.accounts, Signin: h.signin, Token: h.tokens, Repo: h.repos, Org: h.orgs,
		Apps:  application.New(application.Options{DB: d, Keys: ring, Change: bus, Audit: log, Accounts: h.accounts, Tokens: h.tokens, Limit: limit.New(limit.Options{}), Now: now}),
		Files: h.files(t, d, log, now), Git: h.git, Now: now})
	h.owner, h.other = h.account(t, "owner1"), h.account(t, "other1")
	return h
}

// files is the room of large files.
func (h *house) files(t testing.TB, d *db.DB, log *audit.Log, now func() time.Time) *largefile.Room {
	t.Helper()
	blobs, err := blob.OpenFolder(filepath.Join(t.TempDir(), "lfs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	return largefile.New(largefile.Options{DB: d, Audit: log, Blobs: blobs, Now: now})
}

// each runs fn on both engines.
func each(t *testing.T, fn func(t *testing.T, h *house)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, newHouse(t, d)) })
}

func (h *house) account(t testing.TB, login string) id.Account {
	t.Helper()
	a, err := h.accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: login, Email: login + "@example.com", SiteAdmin: login == "owner1"})
	if err != nil {
		t.Fatal(err)
	}
	return a.ID
}

func person(a id.Account) right.Actor {
	return right.Actor{Account: a, Login: "somebody", Kind: right.SessionCredential, Grant: right.Everything()}
}

func (h *house) create(t testing.TB, owner id.Account, name string) repo.Repo {
	t.Helper()
	r, err := h.CreateRepo(t.Context(), person(owner), repo.NewRepo{Owner: owner, Name: name, Private: true})
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	return r
}

func (h *house) onDisk(t testing.TB) []id.Repo {
	t.Helper()
	got, err := h.git.IDs()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (h *house) settle(t testing.TB) {
	t.Helper()
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func isKind(t testing.TB, err error, kind problem.Kind) {
	t.Helper()
	if !problem.Is(err, kind) {
		t.Errorf("got %v, want %v", err, kind)
	}
}

func TestCreateRepo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r, err := h.CreateRepo(t.Context(), person(h.owner), repo.NewRepo{Owner: h.owner, Name: "a", Format: "sha256", DefaultBranch: "trunk"})
		if err != nil {
			t.Fatal(err)
		}
		format, err := h.git.Repo(r.ID).Format()
		if err != nil || string(format) != "sha256" || r.Format != "sha256" {
			t.Errorf("format %s, row %s, %v", format, r.Format, err)
		}
		refs, err := h.git.Repo(r.ID).Refs(t.Context())
		if err != nil || refs.DefaultBranch() != "trunk" || !refs.Empty() {
			t.Errorf("refs %+v, %v", refs, err)
		}

		_, err = h.CreateRepo(t.Context(), person(h.owner), repo.NewRepo{Owner: h.owner, Name: "A"})
		isKind(t, err, problem.Invalid)
		_, err = h.CreateRepo(t.Context(), person(h.owner), repo.NewRepo{Owner: h.owner, Name: "../a"})
		isKind(t, err, problem.Invalid)
		for _, actor := range []right.Actor{person(h.other), right.Anonymous(), {}} {
			_, err = h.CreateRepo(t.Context(), actor, repo.NewRepo{Owner: h.owner, Name: "b"})
			isKind(t, err, problem.Forbidden)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err = h.CreateRepo(ended, person(h.owner), repo.NewRepo{Owner: h.owner, Name: "b"}); err == nil {
			t.Error("created for a caller who is gone")
		}
		if got := h.onDisk(t); !slices.Equal(got, []id.Repo{r.ID}) {
			t.Errorf("on disk: %v", got)
		}
		if _, err := h.CreateRepo(t.Context(), right.Operator(), repo.NewRepo{Owner: h.owner, Name: "b"}); err != nil {
			t.Errorf("the operator: %v", err)
		}
	})
}

// TestCreateRepo_crash leaves a folder without a row, as a crash would. The
// name stays free, and the folder goes when nobody can be making it any more.
func TestCreateRepo_crash(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		n, err := h.repos.Draw(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := h.git.Create(t.Context(), n, "sha1", "main"); err != nil {
			t.Fatal(err)
		}
		r := h.create(t, h.owner, "a")
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := h.onDisk(t); !slices.Equal(got, []id.Repo{n, r.ID}) {
			t.Errorf("on disk at once: %v", got)
		}
		h.now = h.now.Add(25 * time.Hour)
		for range 2 {
			if err := h.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := h.onDisk(t); !slices.Equal(got, []id.Repo{r.ID}) {
				t.Errorf("on disk a day later: %v", got)
			}
		}
	})
}

// TestCreateRepo_olderDatabase puts a folder where the next number leads, as it
// is after a database alone was restored: it is nobody's to overwrite or sweep.
func TestCreateRepo_olderDatabase(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		last := h.create(t, h.owner, "a").ID
		for n := last + 1; n <= last+3; n++ {
			if err := h.git.Create(t.Context(), n, "sha1", "main"); err != nil {
				t.Fatal(err)
			}
		}
		if got := h.create(t, h.owner, "b").ID; got <= last+3 {
			t.Errorf("got number %d, which is in use", got)
		}
		h.now = h.now.Add(25 * time.Hour)
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := h.onDisk(t); len(got) != 5 {
			t.Errorf("on disk: %v", got)
		}
	})
}

func TestEditRepo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, h.owner, "a")
		branch, public := "trunk", false
		got, err := h.EditRepo(t.Context(), person(h.owner), r, repo.Patch{DefaultBranch: &branch})
		if err != nil || got.DefaultBranch != "trunk" {
			t.Errorf("a branch of an empty repository: %+v, %v", got, err)
		}

		head := func() string {
			refs, err := h.git.Repo(r.ID).Refs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return refs.DefaultBranch()
		}
		if head() != "trunk" {
			t.Errorf("HEAD names %s", head())
		}
		h.create(t, h.owner, "taken")
		name, again := "taken", "main"
		_, err = h.EditRepo(t.Context(), person(h.owner), got, repo.Patch{Name: &name, DefaultBranch: &again})
		isKind(t, err, problem.Invalid)
		if head() != "trunk" {
			t.Errorf("after a refused change HEAD names %s", head())
		}
		bad := "a..b"
		_, err = h.EditRepo(t.Context(), person(h.owner), got, repo.Patch{DefaultBranch: &bad})
		isKind(t, err, problem.Invalid)

		// Whoever saw it public and leaves that so does not make it public again.
		seen, err := h.repos.SetVisibility(t.Context(), person(h.owner), r.ID, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.repos.SetVisibility(t.Context(), person(h.owner), r.ID, true); err != nil {
			t.Fatal(err)
		}
		got, err = h.EditRepo(t.Context(), person(h.other), seen, repo.Patch{Private: &public})
		if err != nil || !got.Private {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestDeleteRepo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r, stays := h.create(t, h.owner, "a"), h.create(t, h.owner, "b")
		if err := h.DeleteRepo(t.Context(), person(h.owner), r.ID); err != nil {
			t.Fatal(err)
		}
		h.settle(t)
		if got := h.onDisk(t); !slices.Equal(got, []id.Repo{stays.ID}) {
			t.Errorf("on disk: %v", got)
		}
		if left, err := h.repos.Leftovers(t.Context(), h.d, h.now); err != nil || len(left) != 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
		isKind(t, h.DeleteRepo(t.Context(), person(h.owner), r.ID), problem.NotFound)
		again := h.create(t, h.owner, "a")
		if refs, err := h.git.Repo(again.ID).Refs(t.Context()); err != nil || !refs.Empty() {
			t.Errorf("the next of that name: %+v, %v", refs, err)
		}
	})
}

// TestDeleteRepo_crash deletes the row alone, as a crash would leave it.
func TestDeleteRepo_crash(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, h.owner, "a")
		err := h.d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := h.repos.Delete(t.Context(), tx, person(h.owner), r.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := h.onDisk(t); len(got) != 0 {
			t.Errorf("on disk: %v", got)
		}
	})
}

func TestTransferRepo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.create(t, h.owner, "a")
		_, _, err := h.TransferRepo(t.Context(), person(h.owner), r.ID, "nobody1", "")
		if p := problem.Of(err); p == nil || p.Field != "new_owner" {
			t.Errorf("to nobody: %v", err)
		}
		was, offered, err := h.TransferRepo(t.Context(), person(h.owner), r.ID, "OTHER1", "")
		if err != nil || !offered || was.FullName() != "owner1/a" {
			t.Fatalf("got %+v, %v, %v", was, offered, err)
		}
		waiting, err := h.repos.Invitations(t.Context(), h.d, 0, h.other)
		if err != nil || len(waiting) != 1 || !waiting[0].Offer() || waiting[0].Repo.ID != r.ID {
			t.Fatalf("waiting: %+v, %v", waiting, err)
		}
		if _, err := h.AcceptInvitation(t.Context(), person(h.owner), h.owner, waiting[0].ID); !problem.Is(err, problem.NotFound) {
			t.Errorf("another accepts: %v", err)
		}
		got, err := h.AcceptInvitation(t.Context(), person(h.other), h.other, waiting[0].ID)
		if err != nil || got.FullName() != "other1/a" {
			t.Fatalf("got %+v, %v", got, err)
		}
		f, err := h.repos.Find(t.Context(), h.d, "owner1", "a", h.owner)
		if err != nil || !f.Renamed || f.Relation != right.Write || f.Repo != got {
			t.Errorf("found %+v, %v", f, err)
		}
		if !h.git.Exists(r.ID) {
			t.Error("the folder is gone")
		}
	})
}

// signIn gives the account a password and returns the bearer of a session.
func (h *house) signIn(t testing.TB, who id.Account, login string) secret.Value {
	t.Helper()
	if err := h.signin.SetPassword(t.Context(), right.Operator(), who, secret.New(password)); err != nil {
		t.Fatal(err)
	}
	bearer, _, err := h.signin.SignIn(t.Context(), login, secret.New(password))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.signin.Session(t.Context(), bearer); err != nil {
		t.Fatal(err)
	}
	return bearer
}

func TestSuspendAccount(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		bearer := h.signIn(t, h.other, "other1")
		isKind(t, h.SuspendAccount(t.Context(), person(h.owner), h.owner), problem.Conflict)
		if err := h.SuspendAccount(t.Context(), person(h.owner), h.other); err != nil {
			t.Fatal(err)
		}
		if _, err := h.signin.Session(t.Context(), bearer); err == nil {
			t.Error("the session lives on")
		}
		if a, err := h.accounts.ByID(t.Context(), h.d, h.other); err != nil || !a.Suspended {
			t.Errorf("account %+v, %v", a, err)
		}
		if err := h.UnsuspendAccount(t.Context(), person(h.owner), h.other); err != nil {
			t.Fatal(err)
		}
		if a, err := h.accounts.ByID(t.Context(), h.d, h.other); err != nil || a.Suspended {
			t.Errorf("account %+v, %v", a, err)
		}
	})
}

func TestDeleteAccount(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		mine, theirs := h.create(t, h.other, "mine"), h.create(t, h.owner, "theirs")
		if err := h.repos.SetCollaborator(t.Context(), person(h.owner), theirs.ID, h.other, right.Write); err != nil {
			t.Fatal(err)
		}
		bearer := h.signIn(t, h.other, "other1")
		_, plain, err := h.tokens.Create(t.Context(), person(h.other), h.other, token.NewToken{Note: "note"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.tokens.Verify(t.Context(), plain); err != nil {
			t.Fatal(err)
		}

		err = h.DeleteAccount(t.Context(), person(h.owner), h.other, 0)
		isKind(t, err, problem.Conflict)
		if err == nil || !strings.Contains(err.Error(), "still owns a repository") || problem.Of(err).Remedy == "" {
			t.Errorf("got %v", err)
		}
		isKind(t, h.DeleteAccount(t.Context(), person(h.owner), h.other, h.other), problem.Invalid)
		blocker := h.create(t, h.owner, "mine")
		err = h.DeleteAccount(t.Context(), person(h.owner), h.other, h.owner)
		isKind(t, err, problem.Conflict)
		if err == nil || !strings.Contains(problem.Of(err).Public, "other1/mine") {
			t.Errorf("got %v", err)
		}
		if _, err := h.signin.Session(t.Context(), bearer); err != nil {
			t.Errorf("a refused deletion ended the session: %v", err)
		}
		if err := h.DeleteRepo(t.Context(), person(h.owner), blocker.ID); err != nil {
			t.Fatal(err)
		}
		if err := h.DeleteAccount(t.Context(), person(h.owner), h.other, h.owner); err != nil {
			t.Fatal(err)
		}
		h.settle(t)

		if _, err := h.signin.Session(t.Context(), bearer); err == nil {
			t.Error("the session lives on")
		}
		if _, err := h.tokens.Verify(t.Context(), plain); err == nil {
			t.Error("the token lives on")
		}
		if people, err := h.repos.Collaborators(t.Context(), h.d, theirs.ID); err != nil || len(people) != 0 {
			t.Errorf("collaborators %+v, %v", people, err)
		}
		if r, err := h.repos.ByID(t.Context(), h.d, mine.ID); err != nil || r.FullName() != "owner1/mine" {
			t.Errorf("repository %+v, %v", r, err)
		}
		_, err = h.accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: "Other1"})
		isKind(t, err, problem.Invalid)
		h.now = h.now.Add(account.HoldLogin + time.Second)
		if _, err = h.accounts.Create(t.Context(), right.Operator(), account.NewAccount{Login: "Other1"}); err != nil {
			t.Errorf("the login is not free again: %v", err)
		}
		isKind(t, h.DeleteAccount(t.Context(), person(h.owner), h.other, 0), problem.NotFound)
	})
}

// TestClose_deadline does not wait for ever.
func TestClose_deadline(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	r := h.create(t, h.owner, "a")
	// A folder that cannot be moved: its group is no folder any more.
	if err := os.RemoveAll(h.git.Dir()); err != nil {
		t.Fatal(err)
	}
	if err := h.DeleteRepo(t.Context(), person(h.owner), r.ID); err != nil {
		t.Fatal(err)
	}
	h.settle(t)
	if left, err := h.repos.Leftovers(t.Context(), h.d, h.now); err != nil || !slices.Equal(left, []id.Repo{r.ID}) {
		t.Errorf("what failed is forgotten: %v, %v", left, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Close(ended); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
