package gate

import (
	"context"
	"strings"

	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// Search reads what somebody wrote to find repositories into a query for a list,
// with what it names looked up as far as the actor may know of it. none means that
// nothing can match. It fails with problem.Invalid for the field q.
func (g *Gate) Search(ctx context.Context, actor *right.Actor, text string) (q repo.Query, none bool, err error) {
	s, err := repo.ParseSearch(text)
	if err != nil {
		return repo.Query{}, false, err
	}
	q = s.Query
	for _, login := range s.Owners {
		a, err := g.o.Accounts.ByLogin(ctx, g.o.DB, login)
		switch {
		case problem.Is(err, problem.NotFound), err == nil && q.Owner != 0 && q.Owner != a.ID:
			return q, true, nil
		case err != nil:
			return q, false, err
		}
		q.Owner = a.ID
	}
	if s.Repo == "" {
		return q, false, nil
	}
	login, name, _ := strings.Cut(s.Repo, "/")
	r, err := g.Repo(ctx, actor, right.RepoRead, login, name)
	if err != nil {
		return q, true, nil // none that the actor may know of
	}
	if q.Owner != 0 && q.Owner != r.Owner {
		return q, true, nil
	}
	q.Owner, q.Words, q.After, q.IsFork = r.Owner, append(q.Words, r.Name), r.ID-1, nil
	return q, false, nil
}
