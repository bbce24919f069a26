package foreign

import (
	"context"
	"crypto/sha256"
	"strings"
)

// The tables of Gogs are those of gogs/gogs, internal/database: users.go, org.go,
// org_team.go, repo.go, repo_collaboration.go and access_tokens.go. From 0.13 on a token
// is kept as its SHA-256 and the column sha1 holds the beginning of that; before, it
// held the token itself (migrations/v20.go).

func readGogs(ctx context.Context, s *source) (World, error) {
	const since = "0.12"
	for table, columns := range map[string][]string{
		"user":          {"id", "lower_name", "name", "full_name", "email", "type", "is_active", "is_admin", "prohibit_login", "created_unix"},
		"repository":    {"id", "owner_id", "lower_name", "name", "description", "is_private", "is_mirror", "is_fork", "fork_id", "created_unix"},
		"collaboration": {"repo_id", "user_id", "mode"},
		"org_user":      {"uid", "org_id"},
		"team":          {"id", "org_id", "lower_name", "name", "description", "authorize"},
		"team_user":     {"team_id", "uid"},
		"team_repo":     {"team_id", "repo_id"},
		"access_token":  {"uid", "name", "sha1", "created_unix"},
	} {
		if err := s.need(ctx, Gogs, since, table, columns...); err != nil {
			return World{}, err
		}
	}
	var w World
	err := s.each(ctx, `SELECT id, `+text("name")+`, `+text("full_name")+`, `+text("email")+`, type, is_active, is_admin, prohibit_login, created_unix FROM "user" ORDER BY id`,
		func(scan func(...any) error) error {
			var id, kind num
			var login, name, email str
			var active, admin, prohibited flag
			var created when
			if err := scan(&id, &login, &name, &email, &kind, &active, &admin, &prohibited, &created); err != nil {
				return err
			}
			if kind == kindOrg {
				w.Orgs = append(w.Orgs, Org{ID: int64(id), Login: string(login), Name: tidy(string(name), 255), CreatedAt: created.Time})
				return nil
			}
			p := Person{ID: int64(id), Login: string(login), Name: tidy(string(name), 255), Email: string(email), Admin: bool(admin), CreatedAt: created.Time}
			switch {
			case kind != kindPerson:
				p.Skip = "it is no person's"
			case bool(prohibited):
				p.Shut = "it may not sign in there"
			case !bool(active):
				p.Shut = "it is not activated there"
			}
			w.People = append(w.People, p)
			return nil
		})
	if err != nil {
		return World{}, err
	}
	if err := teams(ctx, s, &w, false); err != nil {
		return World{}, err
	}
	if err := gogsRepos(ctx, s, &w); err != nil {
		return World{}, err
	}
	if err := helpers(ctx, s, &w); err != nil {
		return World{}, err
	}
	place(&w)
	return w, gogsTokens(ctx, s, &w)
}

func gogsRepos(ctx context.Context, s *source, w *World) error {
	there, err := s.columns(ctx, "repository")
	if err != nil {
		return err
	}
	unlisted := `0`
	if there["is_unlisted"] {
		unlisted = `is_unlisted`
	}
	return s.each(ctx, `SELECT id, owner_id, `+text("lower_name")+`, `+text("name")+`, `+text("description")+`, is_private, `+unlisted+`, is_mirror, is_fork, fork_id, created_unix FROM repository ORDER BY id`,
		func(scan func(...any) error) error {
			var id, owner, forkOf num
			var lower, name, about str
			var private, hidden, mirror, fork flag
			var created when
			if err := scan(&id, &owner, &lower, &name, &about, &private, &hidden, &mirror, &fork, &forkOf, &created); err != nil {
				return err
			}
			r := Repo{ID: int64(id), Owner: int64(owner), Name: string(name), Path: string(lower), About: tidy(string(about), 350), Private: bool(private), CreatedAt: created.Time}
			if fork {
				r.ForkOf = int64(forkOf)
			}
			if mirror {
				r.Said = append(r.Said, "it is a mirror there, and no more here")
			}
			if bool(hidden) && !r.Private {
				r.Private = true
				r.Said = append(r.Said, "it is private here, since it is not listed there")
			}
			w.Repos = append(w.Repos, r)
			return nil
		})
}

func gogsTokens(ctx context.Context, s *source, w *World) error {
	there, err := s.columns(ctx, "access_token")
	if err != nil {
		return err
	}
	digests := `''`
	if there["sha256"] {
		digests = text("sha256")
	}
	return s.each(ctx, `SELECT id, uid, `+text("name")+`, `+text("sha1")+`, `+digests+`, created_unix FROM access_token ORDER BY id`,
		func(scan func(...any) error) error {
			var id, owner num
			var name, first, digest str
			var created when
			if err := scan(&id, &owner, &name, &first, &digest, &created); err != nil {
				return err
			}
			t := Token{ID: int64(id), Owner: int64(owner), Name: tidy(string(name), 200), Scheme: "sha256", CreatedAt: created.Time}
			switch {
			case there["sha256"]:
				t.digest(strings.ToLower(string(digest)))
			case len(first) == 40: // the token itself, which goes no further
				sum := sha256.Sum256([]byte(first))
				t.Digest, t.LastEight = sum[:], string(first[32:])
			default:
				t.Skip = "its digest is not whole"
			}
			t.allow(gogsRights())
			w.Tokens = append(w.Tokens, t)
			return nil
		})
}
