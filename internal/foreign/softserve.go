package foreign

import (
	"context"
	"strings"

	"jeton/internal/right"
)

// The tables of Soft Serve are those of charmbracelet/soft-serve, from 0.6 on:
// pkg/db/migrate/0001_create_tables_*.up.sql. A token is kept as its SHA-256
// (pkg/backend/auth.go), and so is who may do what with it (pkg/backend/access.go).

// The accesses of Soft Serve (pkg/access/access.go).
const (
	ssRead  = 1
	ssWrite = 2
	ssAdmin = 3
)

func readSoftServe(ctx context.Context, s *source) (World, error) {
	const since = "0.6"
	for table, columns := range map[string][]string{
		"users":         {"id", "username", "admin", "created_at"},
		"repos":         {"id", "name", "description", "private", "mirror", "hidden", "user_id", "created_at"},
		"collabs":       {"user_id", "repo_id", "access_level"},
		"access_tokens": {"id", "name", "token", "user_id", "expires_at", "created_at"},
		"settings":      {"key", "value"},
	} {
		if err := s.need(ctx, SoftServe, since, table, columns...); err != nil {
			return World{}, err
		}
	}
	var w World
	err := s.each(ctx, `SELECT id, `+text("username")+`, admin, created_at FROM users ORDER BY id`, func(scan func(...any) error) error {
		var id num
		var login str
		var admin flag
		var created when
		if err := scan(&id, &login, &admin, &created); err != nil {
			return err
		}
		w.People = append(w.People, Person{ID: int64(id), Login: string(login), Admin: bool(admin), CreatedAt: created.Time})
		return nil
	})
	if err != nil {
		return World{}, err
	}
	closed, err := ssClosed(ctx, s)
	if err != nil {
		return World{}, err
	}
	if closed {
		w.Said = append(w.Said, "Visitors see nothing in the old Soft Serve, so that all repositories are private here. Where everybody with an account shall read some, make them public on a closed site.")
	}
	if err := ssRepos(ctx, s, &w, closed); err != nil {
		return World{}, err
	}
	return w, ssTokens(ctx, s, &w)
}

// ssClosed reports whether visitors are shut out, or let do more than read.
func ssClosed(ctx context.Context, s *source) (bool, error) {
	closed := false
	err := s.each(ctx, `SELECT `+text(`"key"`)+`, `+text(`"value"`)+` FROM settings`, func(scan func(...any) error) error {
		var key, value str
		if err := scan(&key, &value); err != nil {
			return err
		}
		switch key {
		case "anon_access":
			closed = closed || value == "no-access"
		case "allow_keyless":
			closed = closed || value == "false" || value == "0"
		}
		return nil
	})
	return closed, err
}

func ssRepos(ctx context.Context, s *source, w *World, closed bool) error {
	repos := map[int64]int{}
	err := s.each(ctx, `SELECT id, `+text("name")+`, `+text("description")+`, private, mirror, hidden, user_id, created_at FROM repos ORDER BY id`, func(scan func(...any) error) error {
		var id, owner num
		var name, about str
		var private, mirror, hidden flag
		var created when
		if err := scan(&id, &name, &about, &private, &mirror, &hidden, &owner, &created); err != nil {
			return err
		}
		r := Repo{ID: int64(id), Owner: int64(owner), Name: flat(string(name)), Path: ssPath(string(name)), About: tidy(string(about), 350), Private: bool(private) || closed, CreatedAt: created.Time}
		if r.Name != string(name) {
			r.Said = append(r.Said, "it is called "+tidy(string(name), 100)+" there")
		}
		if mirror {
			r.Said = append(r.Said, "it is a mirror there, and no more here")
		}
		if bool(hidden) && !r.Private {
			r.Private = true
			r.Said = append(r.Said, "it is private here, since it is hidden there")
		}
		repos[r.ID] = len(w.Repos)
		w.Repos = append(w.Repos, r)
		return nil
	})
	if err != nil {
		return err
	}
	return s.each(ctx, `SELECT repo_id, user_id, access_level FROM collabs ORDER BY repo_id, user_id`, func(scan func(...any) error) error {
		var repo, who, access num
		if err := scan(&repo, &who, &access); err != nil {
			return err
		}
		i, there := repos[int64(repo)]
		l := map[num]right.Level{ssRead: right.Read, ssWrite: right.Write, ssAdmin: right.Admin}[access]
		if there && l > right.None {
			w.Repos[i].Helpers = append(w.Repos[i].Helpers, Helper{int64(who), l})
		}
		return nil
	})
}

// flat is a name here: the folders of one there are parted by hyphens.
func flat(name string) string { return strings.ReplaceAll(strings.Trim(name, "/"), "/", "-") }

// ssPath is where a repository lies, or nothing if its name leads elsewhere.
func ssPath(name string) string {
	for part := range strings.SplitSeq(name, "/") {
		if segment(part) == "" {
			return ""
		}
	}
	return name + ".git"
}

func ssTokens(ctx context.Context, s *source, w *World) error {
	return s.each(ctx, `SELECT id, user_id, `+text("name")+`, `+text("token")+`, expires_at, created_at FROM access_tokens ORDER BY id`, func(scan func(...any) error) error {
		var id, owner num
		var name, digest str
		var expires, created when
		if err := scan(&id, &owner, &name, &digest, &expires, &created); err != nil {
			return err
		}
		t := Token{ID: int64(id), Owner: int64(owner), Name: tidy(string(name), 200), Scheme: "sha256", CreatedAt: created.Time, ExpiresAt: expires.Time}
		t.digest(string(digest))
		t.allow(softServeRights())
		w.Tokens = append(w.Tokens, t)
		return nil
	})
}
