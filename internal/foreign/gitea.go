package foreign

import (
	"context"
	"encoding/hex"
	"strings"

	"jeton/internal/right"
)

// The tables of Gitea, from 1.20 on, and of Forgejo, which took them over, are those of
// go-gitea/gitea: models/user/user.go and email_address.go, models/organization (team.go,
// team_unit.go, org_user.go), models/repo/repo.go and collaboration.go,
// models/auth/access_token.go. Gogs, from which Gitea came, has most of them too.

// The kinds of accounts of Gitea; Gogs has the first two.
const (
	kindPerson = 0
	kindOrg    = 1
)

// seenByFew is the visibility that is for those alone who belong to a thing; the wider ones
// are lower.
const seenByFew = 2

// unitCode is the number of the part of a repository that is its code
// (models/unit/unit.go).
const unitCode = 1

func readGitea(ctx context.Context, s *source) (World, error) {
	const since = "1.20"
	for table, columns := range map[string][]string{
		"user":          {"id", "lower_name", "name", "full_name", "email", "type", "is_active", "is_admin", "is_restricted", "prohibit_login", "visibility", "created_unix"},
		"repository":    {"id", "owner_id", "lower_name", "name", "description", "is_private", "is_archived", "is_mirror", "is_fork", "fork_id", "is_template", "created_unix"},
		"collaboration": {"repo_id", "user_id", "mode"},
		"org_user":      {"uid", "org_id"},
		"team":          {"id", "org_id", "lower_name", "name", "description", "authorize"},
		"team_user":     {"team_id", "uid"},
		"team_repo":     {"team_id", "repo_id"},
		"team_unit":     {"team_id", "type", "access_mode"},
		"email_address": {"uid", "email", "is_activated"},
		"access_token":  {"uid", "name", "token_hash", "token_salt", "token_last_eight", "created_unix"},
	} {
		if err := s.need(ctx, Gitea, since, table, columns...); err != nil {
			return World{}, err
		}
	}
	var w World
	hidden := map[int64]string{} // why not everybody gets at what belongs to an account
	err := s.each(ctx, `SELECT id, `+text("lower_name")+`, `+text("name")+`, `+text("full_name")+`, `+text("email")+`, type, is_active, is_admin, is_restricted, prohibit_login, visibility, created_unix FROM "user" ORDER BY id`,
		func(scan func(...any) error) error {
			var id, kind, visibility num
			var lower, login, name, email str
			var active, admin, restricted, prohibited flag
			var created when
			if err := scan(&id, &lower, &login, &name, &email, &kind, &active, &admin, &restricted, &prohibited, &visibility, &created); err != nil {
				return err
			}
			switch {
			case visibility != 0:
				hidden[int64(id)] = "not everybody may see its owner there"
			case kind == kindPerson && !bool(active): // git is refused there then
				hidden[int64(id)] = "its owner is not activated there"
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
			case bool(restricted):
				p.Shut = "it is restricted there, which there is not here"
			}
			w.People = append(w.People, p)
			return nil
		})
	if err != nil {
		return World{}, err
	}
	if err := verified(ctx, s, &w); err != nil {
		return World{}, err
	}
	if err := teams(ctx, s, &w, true); err != nil {
		return World{}, err
	}
	err = s.each(ctx, `SELECT id, owner_id, `+text("lower_name")+`, `+text("name")+`, `+text("description")+`, is_private, is_archived, is_mirror, is_fork, fork_id, is_template, created_unix FROM repository ORDER BY id`,
		func(scan func(...any) error) error {
			var id, owner, forkOf num
			var lower, name, about str
			var private, archived, mirror, fork, template flag
			var created when
			if err := scan(&id, &owner, &lower, &name, &about, &private, &archived, &mirror, &fork, &forkOf, &template, &created); err != nil {
				return err
			}
			r := Repo{ID: int64(id), Owner: int64(owner), Name: string(name), Path: string(lower), About: tidy(string(about), 350),
				Private: bool(private), Archived: bool(archived), Template: bool(template), CreatedAt: created.Time}
			if fork {
				r.ForkOf = int64(forkOf)
			}
			if mirror {
				r.Said = append(r.Said, "it is a mirror there, and no more here")
			}
			if why := hidden[r.Owner]; why != "" && !r.Private {
				r.Private = true
				r.Said = append(r.Said, "it is private here, since "+why)
			}
			w.Repos = append(w.Repos, r)
			return nil
		})
	if err != nil {
		return World{}, err
	}
	if err := helpers(ctx, s, &w); err != nil {
		return World{}, err
	}
	place(&w)
	if err := units(ctx, s, &w); err != nil {
		return World{}, err
	}
	if err := oldNames(ctx, s, &w); err != nil {
		return World{}, err
	}
	return w, giteaTokens(ctx, s, &w)
}

func giteaTokens(ctx context.Context, s *source, w *World) error {
	there, err := s.columns(ctx, "access_token")
	if err != nil {
		return err
	}
	scopes := `'all'` // before 1.19 there were none, and 1.19 made them all
	if there["scope"] {
		scopes = text("scope")
	}
	return s.each(ctx, `SELECT id, uid, `+text("name")+`, `+text("token_hash")+`, `+text("token_salt")+`, `+text("token_last_eight")+`, `+scopes+`, created_unix FROM access_token ORDER BY id`,
		func(scan func(...any) error) error {
			var id, owner num
			var name, digest, salt, lastEight, scope str
			var created when
			if err := scan(&id, &owner, &name, &digest, &salt, &lastEight, &scope, &created); err != nil {
				return err
			}
			t := Token{ID: int64(id), Owner: int64(owner), Name: tidy(string(name), 200), Scheme: "pbkdf2", Salt: string(salt), LastEight: string(lastEight), CreatedAt: created.Time}
			t.digest(string(digest))
			t.allow(giteaRights(string(scope)))
			w.Tokens = append(w.Tokens, t)
			return nil
		})
}

// digest reads one in hexadecimal digits.
func (t *Token) digest(text string) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) == 0 {
		t.Skip = "its digest is not whole"
		return
	}
	t.Digest = b
}

func (t *Token) allow(r Rights, err error) {
	t.Rights = r
	if err != nil && t.Skip == "" {
		t.Skip = err.Error()
	}
}

// verified notes which people's addresses are known to be theirs.
func verified(ctx context.Context, s *source, w *World) error {
	sure := map[int64]map[string]bool{}
	err := s.each(ctx, `SELECT uid, `+text("email")+`, is_activated FROM email_address`, func(scan func(...any) error) error {
		var of num
		var email str
		var activated flag
		if err := scan(&of, &email, &activated); err != nil {
			return err
		}
		if activated {
			if sure[int64(of)] == nil {
				sure[int64(of)] = map[string]bool{}
			}
			sure[int64(of)][strings.ToLower(string(email))] = true
		}
		return nil
	})
	for i := range w.People {
		p := &w.People[i]
		p.Verified = sure[p.ID][strings.ToLower(p.Email)]
	}
	return err
}

// ownersTeam is the team by which Gitea and Gogs know an organization's owners.
const ownersTeam = "owners"

// teams reads who belongs to organizations. With units a team's level is that which it
// has on code; without, the team's own.
func teams(ctx context.Context, s *source, w *World, units bool) error {
	orgs := map[int64]*Org{}
	for i := range w.Orgs {
		orgs[w.Orgs[i].ID] = &w.Orgs[i]
	}
	code := map[int64]int64{}
	if units {
		err := s.each(ctx, `SELECT team_id, access_mode FROM team_unit WHERE type = $1`, func(scan func(...any) error) error {
			var team, mode num
			if err := scan(&team, &mode); err != nil {
				return err
			}
			code[int64(team)] = int64(mode)
			return nil
		}, unitCode)
		if err != nil {
			return err
		}
	}
	type where struct {
		org    *Org
		i      int
		owners bool
	}
	all := map[int64]where{}
	visibility := `0` // before Gitea 1.27 each member saw each team
	if there, err := s.columns(ctx, "team"); err != nil {
		return err
	} else if there["visibility"] {
		visibility = `visibility`
	}
	err := s.each(ctx, `SELECT id, org_id, `+text("lower_name")+`, `+text("name")+`, `+text("description")+`, authorize, `+visibility+` FROM team ORDER BY id`, func(scan func(...any) error) error {
		var id, org, mode, seen num
		var lower, name, about str
		if err := scan(&id, &org, &lower, &name, &about, &mode, &seen); err != nil {
			return err
		}
		o := orgs[int64(org)]
		if o == nil {
			return nil // what belongs to nothing
		}
		if lower == ownersTeam {
			all[int64(id)] = where{org: o, owners: true}
			return nil
		}
		if units && mode < 3 {
			mode = num(code[int64(id)])
		}
		l, err := level(int64(mode))
		if err != nil {
			return err
		}
		all[int64(id)] = where{org: o, i: len(o.Teams)}
		o.Teams = append(o.Teams, Team{ID: int64(id), Name: tidy(string(name), 100), About: tidy(string(about), 350), Level: l, Secret: seen == seenByFew})
		return nil
	})
	if err != nil {
		return err
	}
	err = s.each(ctx, `SELECT team_id, uid FROM team_user ORDER BY team_id, uid`, func(scan func(...any) error) error {
		var team, who num
		if err := scan(&team, &who); err != nil {
			return err
		}
		switch at := all[int64(team)]; {
		case at.org == nil:
		case at.owners:
			at.org.Owners = append(at.org.Owners, int64(who))
		default:
			t := &at.org.Teams[at.i]
			t.Members = append(t.Members, int64(who))
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = s.each(ctx, `SELECT team_id, repo_id FROM team_repo ORDER BY team_id, repo_id`, func(scan func(...any) error) error {
		var team, repo num
		if err := scan(&team, &repo); err != nil {
			return err
		}
		if at := all[int64(team)]; at.org != nil && !at.owners && at.org.Teams[at.i].Level > right.None {
			t := &at.org.Teams[at.i]
			t.Repos = append(t.Repos, int64(repo))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.each(ctx, `SELECT org_id, uid FROM org_user ORDER BY org_id, uid`, func(scan func(...any) error) error {
		var org, who num
		if err := scan(&org, &who); err != nil {
			return err
		}
		if o := orgs[int64(org)]; o != nil && !contains(o.Owners, int64(who)) {
			o.Members = append(o.Members, int64(who))
		}
		return nil
	})
}

func contains(in []int64, n int64) bool {
	for _, m := range in {
		if m == n {
			return true
		}
	}
	return false
}

// helpers reads who may use repositories beside their owners.
func helpers(ctx context.Context, s *source, w *World) error {
	repos := map[int64]*Repo{}
	for i := range w.Repos {
		repos[w.Repos[i].ID] = &w.Repos[i]
	}
	return s.each(ctx, `SELECT repo_id, user_id, mode FROM collaboration ORDER BY repo_id, user_id`, func(scan func(...any) error) error {
		var repo, who, mode num
		if err := scan(&repo, &who, &mode); err != nil {
			return err
		}
		l, err := level(int64(mode))
		if err != nil {
			return err
		}
		if r := repos[int64(repo)]; r != nil && l > right.None {
			r.Helpers = append(r.Helpers, Helper{int64(who), l})
		}
		return nil
	})
}

// place completes the paths of repositories: OWNER/NAME.git in small letters.
func place(w *World) {
	logins := map[int64]string{}
	for _, p := range w.People {
		logins[p.ID] = p.Login
	}
	for _, o := range w.Orgs {
		logins[o.ID] = o.Login
	}
	for i := range w.Repos {
		r := &w.Repos[i]
		owner, name := segment(strings.ToLower(logins[r.Owner])), segment(r.Path+".git")
		if r.Path = owner + "/" + name; owner == "" || name == "" {
			r.Path = ""
		}
	}
}
