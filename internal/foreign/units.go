package foreign

import (
	"context"
	"slices"
)

// withoutCode keeps repositories for their owners alone whose code is switched off
// there (go-gitea/gitea, models/repo/repo_unit.go): pages show none, and git is refused
// but for reading what is public, which Gitea lets by.
func withoutCode(ctx context.Context, s *source, w *World) error {
	there, err := s.columns(ctx, "repo_unit")
	if err != nil || !there["repo_id"] || !there["type"] {
		return err
	}
	coded := map[int64]bool{}
	err = s.each(ctx, `SELECT repo_id FROM repo_unit WHERE type = $1`, func(scan func(...any) error) error {
		var repo num
		if err := scan(&repo); err != nil {
			return err
		}
		coded[int64(repo)] = true
		return nil
	}, unitCode)
	if err != nil {
		return err
	}
	for i := range w.Repos {
		if r := &w.Repos[i]; !coded[r.ID] {
			r.Private, r.Helpers = true, nil
			r.Said = append(r.Said, "it is private here and its owner's alone, since its code is switched off there")
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
