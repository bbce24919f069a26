package lfs

import (
	"net/http"
	"strconv"
	"time"

	"jeton/internal/id"
	"jeton/internal/largefile"
	"jeton/internal/problem"
)

// wireLock is a lock as the protocol has it.
type wireLock struct {
	ID       string    `json:"id"`
	Path     string    `json:"path"`
	LockedAt time.Time `json:"locked_at"`
	Owner    wireOwner `json:"owner"`
}

type wireOwner struct {
	Name string `json:"name"`
}

func wire(l largefile.Lock) wireLock {
	return wireLock{ID: strconv.FormatInt(int64(l.ID), 10), Path: l.Path, LockedAt: l.CreatedAt, Owner: wireOwner{Name: l.Login}}
}

func wires(list []largefile.Lock) []wireLock {
	out := make([]wireLock, 0, len(list))
	for _, l := range list {
		out = append(out, wire(l))
	}
	return out
}

func refName(r *wireRef) string {
	if r == nil {
		return ""
	}
	return r.Name
}

type oneLock struct {
	Lock wireLock `json:"lock"`
}

func lockFile(d *Door, c *call) error {
	var said struct {
		Path string   `json:"path"`
		Ref  *wireRef `json:"ref"`
	}
	if err := c.readJSON(&said); err != nil {
		return err
	}
	l, err := d.o.Files.LockFile(c.ctx(), &c.actor, c.repo.ID, said.Path, refName(said.Ref))
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, oneLock{wire(l)})
}

type lockList struct {
	Locks      []wireLock `json:"locks"`
	NextCursor string     `json:"next_cursor,omitempty"`
}

// listLocks lists the locks. A lock holds on every branch, so the refspec that
// git-lfs sends hides none: what is hidden on one branch could be neither
// unlocked nor understood there.
func listLocks(d *Door, c *call) error {
	q := c.r.URL.Query()
	page := largefile.LockQuery{Path: q.Get("path")}
	if err := largefile.CheckRef(q.Get("refspec")); err != nil {
		return err
	}
	if q.Get("id") != "" {
		n, ok := id.Parse[largefile.LockID](q.Get("id"))
		if !ok {
			return c.answer(http.StatusOK, lockList{Locks: []wireLock{}})
		}
		page.ID = n
	}
	list, next, err := d.locks(c, page, q.Get("cursor"), q.Get("limit"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, lockList{Locks: wires(list), NextCursor: next})
}

// locks reads a page and says where the next one begins.
func (d *Door) locks(c *call, q largefile.LockQuery, cursor, limit string) ([]largefile.Lock, string, error) {
	if cursor != "" {
		n, ok := id.Parse[largefile.LockID](cursor)
		if !ok {
			return nil, "", problem.Field("cursor", "cursor is none that this server gave")
		}
		q.After = n
	}
	if limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 0 {
			return nil, "", problem.Field("limit", "limit is not a number")
		}
		q.Limit = n
	}
	list, more, err := d.o.Files.Locks(c.ctx(), d.o.DB, c.repo.ID, q)
	if err != nil || !more {
		return list, "", err
	}
	return list, strconv.FormatInt(int64(list[len(list)-1].ID), 10), nil
}

// verifyLocks parts the locks into the actor's and those of others, which a
// push must leave alone.
func verifyLocks(d *Door, c *call) error {
	var said struct {
		Ref    *wireRef `json:"ref"`
		Cursor string   `json:"cursor"`
		Limit  int      `json:"limit"`
	}
	if err := c.readJSON(&said); err != nil {
		return err
	}
	if err := largefile.CheckRef(refName(said.Ref)); err != nil {
		return err
	}
	list, next, err := d.locks(c, largefile.LockQuery{}, said.Cursor, strconv.Itoa(said.Limit))
	if err != nil {
		return err
	}
	out := struct {
		Ours       []wireLock `json:"ours"`
		Theirs     []wireLock `json:"theirs"`
		NextCursor string     `json:"next_cursor,omitempty"`
	}{[]wireLock{}, []wireLock{}, next}
	for _, l := range list {
		if l.Owner == c.actor.Account {
			out.Ours = append(out.Ours, wire(l))
		} else {
			out.Theirs = append(out.Theirs, wire(l))
		}
	}
	return c.answer(http.StatusOK, out)
}

func unlockFile(d *Door, c *call) error {
	var said struct {
		Force bool     `json:"force"`
		Ref   *wireRef `json:"ref"`
	}
	if err := c.readJSON(&said); err != nil {
		return err
	}
	n, _ := id.Parse[largefile.LockID](c.arg) // what is no number names no lock
	l, err := d.o.Files.Unlock(c.ctx(), &c.actor, largefile.In{Repo: c.repo.ID, Owner: c.repo.Owner, Name: c.repo.FullName()}, n, said.Force)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, oneLock{wire(l)})
}
