package rest

import (
	"context"
	"net/http"

	"jeton/internal/gitstore"
	"jeton/internal/problem"
)

func (c *call) ctx() context.Context { return c.r.Context() }

// query is one parameter of the query.
func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

func (c *call) git() *gitstore.Repo { return c.door.o.Git.Repo(c.repo.ID) }

func notFound(message string) error {
	return &statusError{code: http.StatusNotFound, problem: problem.New(problem.NotFound, message, "")}
}

// unprocessable is a 422 that names no field.
func unprocessable(message string) error { return status(http.StatusUnprocessableEntity, message) }

// instead turns what is not there into another error: GitHub's words depend on
// what was asked for.
func instead(err, other error) error {
	if problem.Is(err, problem.NotFound) {
		return other
	}
	return err
}

// view opens the repository at a revision; "" is the default branch. The caller
// closes it.
func (c *call) view(rev string) (*gitstore.View, error) { return c.git().View(c.ctx(), rev) }

// repoURL is the address of something of the repository in the API.
func (c *call) repoURL(rest string) string { return c.url("/repos/" + c.repo.FullName() + rest) }

// page address of something of the repository.
func (c *call) repoPage(rest string) string { return c.door.o.Gate.URL("/" + c.repo.FullName() + rest) }
