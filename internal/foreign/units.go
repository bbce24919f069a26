package foreign

import (
	"context"
	"slices"
)

// units looks at who gets at the code of repositories beside those who are named. It keeps
// repositories for their owners alone whose code is switched off there (go-gitea/gitea,
// models/repo/repo_unit.go): pages show none, and git is refused but for reading what is
// public, which Gitea lets by.
func units(ctx context.Context, s *source, w *World) error {
	there, err := s.columns(ctx, "repo_unit")
	if err != nil || !there["repo_id"] || !there["type"] {
		return err
	}
	open := `0` // from 1.24 on code may be open to more than the repository is
	if there["anonymous_access_mode"] && there["everyone_access_mode"] {
		open = `anonymous_access_mode + everyone_access_mode`
	}
	coded, others := map[int64]bool{}, map[int64]bool{}
	err = s.each(ctx, `SELECT repo_id, `+open+` FROM repo_unit WHERE type = $1`, func(scan func(...any) error) error {
		var repo, mode num
		if err := scan(&repo, &mode); err != nil {
			return err
		}
		coded[int64(repo)], others[int64(repo)] = true, mode > 0
		return nil
	}, unitCode)
	if err != nil {
		return err
	}
	for i := range w.Repos {
		switch r := &w.Repos[i]; {
		case !coded[r.ID]:
			r.Private, r.Helpers = true, nil
			r.Said = append(r.Said, "it is private here and its owner's alone, since its code is switched off there")
		case others[r.ID] && r.Private:
			r.Said = append(r.Said, "its code is open to others there, and not here")
		}
	}
	for i := range w.Orgs {
		for j := range w.Orgs[i].Teams {
			t := &w.Orgs[i].Teams[j]
			t.Repos = slices.DeleteFunc(t.Repos, func(n int64) bool { return !coded[n] })
		}
	}
	return nil
}
