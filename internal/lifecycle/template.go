package lifecycle

import (
	"context"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/problem"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// FromTemplate makes a repository with the files of a template, which the actor may
// read: those of its default branch, or with all those of every branch, each with
// one commit of the actor's and no history. What holds for ForkRepo holds here,
// though an organization that lets nobody fork a repository may make it a template.
// It fails with problem.Invalid, with the field.
func (f *Flow) FromTemplate(ctx context.Context, actor right.Actor, template repo.Repo, n repo.NewRepo, all bool, again func(context.Context) error) (repo.Repo, error) {
	if !template.Template {
		return repo.Repo{}, problem.New(problem.Invalid, "This repository is not a template: its is_template is false.", "")
	}
	if n.Name == "" {
		return repo.Repo{}, problem.Field("name", "name is needed")
	}
	a, err := f.o.Account.ByID(ctx, f.o.DB, actor.Account)
	if err != nil {
		return repo.Repo{}, err
	}
	name, email := a.Author()
	line := object.Signature{Name: name, Email: email, When: f.o.Now().UTC()}.Line()
	return f.copyRepo(ctx, actor, template, n, gitstore.Fork{DefaultBranchOnly: !all, Flat: func(tree object.ID) []byte {
		return []byte("tree " + string(tree) + "\nauthor " + line + "\ncommitter " + line + "\n\nInitial commit\n")
	}}, again)
}
