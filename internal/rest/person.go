package rest

import (
	"time"

	"jeton/internal/gitstore/object"
)

// gitPerson is who did something with git, and when.
type gitPerson struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Date  string `json:"date"`
}

func personOf(s object.Signature) gitPerson {
	return gitPerson{Name: s.Name, Email: s.Email, Date: s.When.UTC().Format(time.RFC3339)}
}

// people finds the accounts whose verified addresses signatures have, in one query.
type people map[string]simpleUser

// known is what an answer that shows commits must know beside them: whose they
// are, and what their signatures are worth.
type known struct {
	people
	verified map[object.ID]verification
}

func (c *call) people(of ...object.Signature) (people, error) {
	emails := make([]string, len(of))
	for i, s := range of {
		emails[i] = s.Email
	}
	found, err := c.door.o.Accounts.ByEmails(c.ctx(), c.door.o.DB, emails)
	if err != nil {
		return nil, err
	}
	out := people{}
	for email, a := range found {
		out[email] = c.simpleUser(int64(a.ID), a.Login, a.SiteAdmin)
	}
	return out, nil
}

// about finds what is known of commits, whatever their number.
func (c *call) about(commits ...object.Commit) (known, error) {
	var all []object.Signature
	for _, one := range commits {
		all = append(all, one.Author, one.Committer)
	}
	who, err := c.people(all...)
	if err != nil {
		return known{}, err
	}
	verdicts, err := c.verifyCommits(commits...)
	if err != nil {
		return known{}, err
	}
	out := known{people: who, verified: make(map[object.ID]verification, len(commits))}
	for i := range commits {
		out.verified[commits[i].ID] = verdicts[i]
	}
	return out, nil
}

// by returns whose signature it is, or nil.
func (p people) by(s object.Signature) *simpleUser {
	if u, ok := p[s.Email]; ok {
		return &u
	}
	return nil
}

// signer is the caller as the author of what the API commits.
func (c *call) signer() (object.Signature, error) {
	a, err := c.door.o.Accounts.ByID(c.ctx(), c.door.o.DB, c.actor.Account)
	if err != nil {
		return object.Signature{}, err
	}
	name, email := a.Author()
	return object.Signature{Name: name, Email: email, When: c.door.o.Now().UTC()}, nil
}
