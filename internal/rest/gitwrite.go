package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"jeton/internal/gitstore"
	"jeton/internal/gitstore/object"
	"jeton/internal/gitstore/wire"
	"jeton/internal/httpkit"
	"jeton/internal/problem"
	"jeton/internal/push"
)

// How large a body with content may be, and how many of them are in memory at a
// time. Content comes in base64, which takes a third more.
const (
	bulkyBytes    = 56 << 20
	bulkyPerActor = 2
	bulkyInAll    = 4
	bulkyWithin   = 10 * time.Minute
)

// bulk lets a body be large. It is read to its end first, to the disk: bodies that
// wait on one HTTP/2 connection would keep those from coming whose turn it is. In
// memory it is then in its caller's share. One that says that it is small needs
// neither.
func (d *Door) bulk(h handler) handler {
	return func(c *call) (any, error) {
		if n := c.r.ContentLength; n >= 0 && n <= maxBody {
			return h(c)
		}
		if c.r.ContentLength > bulkyBytes {
			return nil, errBulky
		}
		in := httpkit.NewPatient(c.ctx(), c.w, http.MaxBytesReader(c.w, c.r.Body, bulkyBytes), httpkit.IdleLimit, time.Now().Add(bulkyWithin))
		spool, err := d.o.Git.Spool(c.ctx(), c.share(), in)
		if err != nil {
			return nil, badBody(err)
		}
		defer spool.Close()
		leave, err := d.bulky.Enter(c.ctx(), c.who())
		if err != nil {
			return nil, err
		}
		defer leave()
		if c.large, err = spool.Reader(); err != nil {
			return nil, err
		}
		return h(c)
	}
}

var errBulky = problem.New(problem.TooLarge, "The body is larger than 56 MiB.", "Push large files with git, or keep them in Git LFS.")

// badBody tells a body that is too large from one that did not come.
func badBody(err error) error {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return errBulky
	}
	if e := problem.Of(err); e.Public != "" {
		return err
	}
	return status(http.StatusBadRequest, "Problems parsing JSON")
}

// decodeLarge is decode for handlers within bulk.
func (c *call) decodeLarge(v any) error {
	if c.large == nil {
		return c.decode(v)
	}
	body, err := io.ReadAll(c.large)
	if err == nil {
		err = c.arrived()
	}
	if err != nil {
		return err
	}
	return decodeObject(body, v)
}

func decodeObject(body []byte, v any) error {
	if !json.Valid(body) {
		return status(http.StatusBadRequest, "Problems parsing JSON")
	}
	if trimmed := strings.TrimSpace(string(body[:min(len(body), 64)])); trimmed == "" || trimmed[0] != '{' {
		return status(http.StatusBadRequest, "Body should be a JSON object")
	}
	if err := json.Unmarshal(body, v); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return problem.Field(t.Field, "must be of type "+t.Type.String())
		}
		return status(http.StatusBadRequest, "Problems parsing JSON")
	}
	return nil
}

// wasNotSupplied is GitHub's sentence about a field that is missing.
func wasNotSupplied(field string) error {
	return unprocessable(fmt.Sprintf("Invalid request.\n\n\"%s\" wasn't supplied.", field))
}

// draft begins what the caller composes.
func (c *call) draft() (*gitstore.Draft, error) { return c.git().Draft(c.ctx(), c.actor.Account) }

// notEmpty refuses what GitHub refuses while there is no commit at all.
func notEmpty(refs *gitstore.Refs) error {
	if refs.Empty() {
		return errEmptyRepo()
	}
	return nil
}

// opened is the view of a repository that has a commit. Close must be called.
func (c *call) opened() (*gitstore.View, error) {
	v, err := c.git().Open(c.ctx())
	if err != nil {
		return nil, err
	}
	if err := notEmpty(v.Refs); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

// addition is draft for a repository that has a commit. Close must be called.
func (c *call) addition() (*gitstore.Draft, error) {
	f, err := c.draft()
	if err != nil {
		return nil, err
	}
	if err := notEmpty(f.Refs); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// move moves refs, by the flow of every push.
func (c *call) move(d *gitstore.Draft, forward bool, updates ...wire.Update) error {
	if d != nil {
		d.Close() // the flow has slots of its own
	}
	err := c.door.o.Push.Write(c.ctx(), &c.actor, c.repo, push.Write{Draft: d, Updates: updates, Forward: forward,
		Again: func(ctx context.Context) error { return c.again(ctx) }})
	return inGitHubsWords(err)
}

// make keeps what was composed for the caller's next requests.
func (c *call) make(d *gitstore.Draft, root object.ID) error {
	return inGitHubsWords(c.door.o.Push.Make(c.ctx(), &c.actor, c.repo, d, root))
}

// refusedStatus is how GitHub answers each reason.
var refusedStatus = map[push.Why]int{
	push.Outdated: http.StatusConflict, push.Taken: http.StatusUnprocessableEntity, push.Gone: http.StatusUnprocessableEntity,
	push.BadName: http.StatusUnprocessableEntity, push.Unfit: http.StatusUnprocessableEntity, push.Unauthorized: http.StatusForbidden,
	push.Undeletable: http.StatusUnprocessableEntity, push.Unforceable: http.StatusUnprocessableEntity, push.Backwards: http.StatusUnprocessableEntity,
	push.Workflow: http.StatusForbidden, push.Secret: http.StatusConflict, push.TooLarge: http.StatusUnprocessableEntity, push.Failed: http.StatusUnprocessableEntity,
}

var refusedMessage = map[push.Why]string{
	push.Taken: "Reference already exists", push.Gone: "Reference does not exist", push.Unfit: "Object does not exist", push.Backwards: "Update is not a fast forward",
}

// inGitHubsWords turns why a ref did not move into GitHub's answer.
func inGitHubsWords(err error) error {
	refused, ok := errors.AsType[*push.Refused](err)
	if !ok || refused.Why == push.Denied {
		return err
	}
	code := refusedStatus[refused.Why]
	if text := refusedMessage[refused.Why]; text != "" {
		return status(code, text)
	}
	return &statusError{code: code, problem: problem.Of(err), cause: err}
}

// signatureInput is who did it, as a body says.
type signatureInput struct {
	Name  string  `json:"name"`
	Email string  `json:"email"`
	Date  *string `json:"date,omitempty"`
}

// signature fills in what the body leaves out. Field is its name there.
func (in *signatureInput) signature(field string, otherwise object.Signature) (object.Signature, error) {
	if in == nil {
		return otherwise, nil
	}
	s := object.Signature{Name: in.Name, Email: in.Email, When: otherwise.When}
	switch {
	case strings.TrimSpace(s.Name) == "":
		return s, wasNotSupplied(field + ".name")
	case strings.TrimSpace(s.Email) == "":
		return s, wasNotSupplied(field + ".email")
	}
	if in.Date != nil {
		t, err := time.Parse(time.RFC3339, *in.Date)
		if err != nil {
			return s, problem.Field(field+".date", "date must be a time, such as 2026-01-02T03:04:05Z")
		}
		s.When = t
	}
	if s.When.Unix() < 0 {
		return s, problem.Field(field+".date", "date must not be before 1970")
	}
	return s, nil
}

// newCommit is what a commit is made of.
type newCommit struct {
	tree              object.ID
	parents           []object.ID
	author, committer object.Signature
	message           string
	signature         string // of somebody's key; empty for none
}

// text is the commit's content.
func (n *newCommit) text() string {
	var b strings.Builder
	b.WriteString("tree " + string(n.tree) + "\n")
	for _, p := range n.parents {
		b.WriteString("parent " + string(p) + "\n")
	}
	b.WriteString("author " + n.author.Line() + "\ncommitter " + n.committer.Line() + "\n")
	if n.signature != "" {
		b.WriteString("gpgsig " + strings.ReplaceAll(strings.TrimRight(n.signature, "\n"), "\n", "\n ") + "\n")
	}
	b.WriteString("\n" + n.message)
	return b.String()
}

// add puts the commit into a draft.
func (n *newCommit) add(d *gitstore.Draft) (object.Commit, error) {
	text := []byte(n.text())
	id, err := d.Add(object.KindCommit, text)
	if err != nil {
		return object.Commit{}, err
	}
	return object.ParseCommit(id, text)
}
