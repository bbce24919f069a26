package web

import (
	"fmt"

	"jeton/internal/commitstatus"
	"jeton/internal/gitstore/object"
)

// checks is what continuous integration says of a commit, in one word.
type checks struct{ Tone, Text, Why string }

// statusRow is one status on the page of a commit.
type statusRow struct {
	checks
	Context, Description, Href string
}

func wordsOf(s commitstatus.State) checks {
	switch s {
	case commitstatus.Success:
		return checks{Tone: "tag-success", Text: "Success"}
	case commitstatus.Pending:
		return checks{Tone: "tag-attention", Text: "Pending"}
	case commitstatus.Error:
		return checks{Tone: "tag-danger", Text: "Error"}
	}
	return checks{Tone: "tag-danger", Text: "Failure"}
}

// checksOf asks once for all the commits of a page.
func (c *call) checksOf(list ...object.Commit) ([]*checks, error) {
	out := make([]*checks, len(list))
	if len(list) == 0 {
		return out, nil
	}
	shas := make([]string, len(list))
	for i := range list {
		shas[i] = string(list[i].ID)
	}
	all, err := c.door.o.Statuses.Combine(c.ctx(), c.door.o.DB, c.repo.ID, shas...)
	if err != nil {
		return nil, err
	}
	for i, sha := range shas {
		if one, ok := all[sha]; ok {
			w := wordsOf(one.State)
			w.Why = fmt.Sprintf("%d of %s succeeded", one.Good, plural(one.Contexts, "check", "checks"))
			out[i] = &w
		}
	}
	return out, nil
}

// maxStatusesShown is how many statuses the page of a commit shows.
const maxStatusesShown = 100

func (c *call) statusRows(commit object.ID) ([]statusRow, int, error) {
	list, total, err := c.door.o.Statuses.Latest(c.ctx(), c.door.o.DB, c.repo.ID, string(commit), 1, maxStatusesShown)
	rows := make([]statusRow, len(list))
	for i, s := range list {
		rows[i] = statusRow{checks: wordsOf(s.State), Context: line(s.Context), Description: line(s.Description), Href: s.TargetURL}
	}
	return rows, total - len(rows), err
}
