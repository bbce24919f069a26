package chain

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"jeton/internal/db"
)

// maxFindings is how many findings a report lists; the rest is counted.
const maxFindings = 200

// Finding is one thing that is wrong.
type Finding struct {
	Seq  int64  `json:"link,omitempty"` // zero: no link is concerned
	Log  string `json:"log,omitempty"`  // empty: the chain itself
	Line int64  `json:"line,omitempty"`
	What string `json:"what"`
}

// String says it in one line.
func (f Finding) String() string {
	switch {
	case f.Log == "":
		return f.What
	case f.Seq == 0:
		return fmt.Sprintf("line %d of the %s %s", f.Line, f.Log, f.What)
	}
	return fmt.Sprintf("line %d of the %s (link %d) %s", f.Line, f.Log, f.Seq, f.What)
}

// Report is what Verify found.
type Report struct {
	Begun    time.Time `json:"begun"`    // zero: there is no chain yet
	TakenIn  int64     `json:"taken_in"` // lines from before the chain, as they were found then
	Links    int64     `json:"links"`
	Trimmed  int64     `json:"trimmed"` // lines that a rule removed, with proof
	Waiting  int64     `json:"waiting"` // lines that will be linked within a minute
	Head     Head      `json:"head"`
	Findings []Finding `json:"findings"`
	More     int       `json:"more"` // findings that are not listed
}

// verifying is one run of Verify.
type verifying struct {
	*Chain
	r      db.Reader
	report Report
	last   link
	badly  int64 // the first of several links in a row that don't follow; zero: none
	saved  *Head
	met    bool // the saved head was met
	lost   map[int64]bool
}

// Verify goes through the chain and both logs, in one state of the database, and
// says what was changed, removed or put in. saved is a head from before, or nil.
func (c *Chain) Verify(ctx context.Context, saved *Head) (Report, error) {
	v := &verifying{Chain: c, saved: saved, lost: map[int64]bool{}, report: Report{Findings: []Finding{}}}
	err := c.o.DB.Read(ctx, func(r db.Reader) error {
		v.r = r
		if err := v.links(ctx); err != nil {
			return err
		}
		for i := range c.sources {
			if err := v.unlinked(ctx, &c.sources[i]); err != nil {
				return err
			}
		}
		return v.waiting(ctx)
	})
	if err != nil {
		return Report{}, err
	}
	v.report.Head = Head{Seq: v.last.seq, Link: fmt.Sprintf("%x", v.last.link)}
	v.compare()
	return v.report, nil
}

func (v *verifying) found(f Finding) {
	if len(v.report.Findings) >= maxFindings {
		v.report.More++
		return
	}
	v.report.Findings = append(v.report.Findings, f)
}

// compare tells what a saved head says of the end.
func (v *verifying) compare() {
	switch h := v.saved; {
	case h == nil || v.met:
	case h.Seq > v.last.seq:
		v.found(Finding{What: fmt.Sprintf("the end was cut off: the saved head is link %d, and the chain ends with %d, so that %d links are missing", h.Seq, v.last.seq, h.Seq-v.last.seq)})
	default:
		v.found(Finding{Seq: h.Seq, What: fmt.Sprintf("link %d is not the one that was saved as the head: the chain was written anew from there or before", h.Seq)})
	}
}

// links walks the chain in its order.
func (v *verifying) links(ctx context.Context) error {
	for {
		page, err := linksAfter(ctx, v.r, v.last.seq)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			v.follow(true, 0)
			return nil
		}
		list := make([]due, 0, len(page))
		for i := range page {
			list = append(list, due{log: page[i].log, row: page[i].row})
		}
		contents, err := v.contents(ctx, v.r, list)
		if err != nil {
			return err
		}
		for i := range page {
			v.link(&page[i], contents)
		}
	}
}

func linksAfter(ctx context.Context, r db.Reader, seq int64) ([]link, error) {
	rows, err := r.Query(ctx, `SELECT seq, at, log, row_id, key_id, content, link, gone_by, gone FROM chain WHERE seq > $1 ORDER BY seq LIMIT $2`, seq, sealed)
	if err != nil {
		return nil, fmt.Errorf("read the chain: %w", err)
	}
	defer rows.Close()
	var out []link
	for rows.Next() {
		var l link
		if err := rows.Scan(&l.seq, &l.at, &l.log, &l.row, &l.key, &l.content, &l.link, &l.goneBy, &l.gone); err != nil {
			return nil, fmt.Errorf("read the chain: %w", err)
		}
		out = append(out, l)
	}
	return out, rows.Err()
}

// follow closes a run of links that don't follow: one finding for all of them.
func (v *verifying) follow(ok bool, seq int64) {
	switch {
	case !ok && v.badly == 0:
		v.badly = seq
	case ok && v.badly != 0:
		what := fmt.Sprintf("link %d of the chain was changed or put in: it does not follow from the one before", v.badly)
		if v.last.seq > v.badly {
			what = fmt.Sprintf("links %d to %d of the chain were changed, renumbered or put in: they do not follow from the ones before", v.badly, v.last.seq)
		}
		v.found(Finding{Seq: v.badly, What: what})
		v.badly = 0
	}
}

// link looks at one link and its line.
func (v *verifying) link(l *link, contents map[Log]map[int64][]byte) {
	if gap := l.seq - v.last.seq - 1; gap > 0 {
		v.follow(true, 0)
		what := fmt.Sprintf("link %d of the chain was removed", l.seq-1)
		if gap > 1 {
			what = fmt.Sprintf("links %d to %d of the chain were removed", v.last.seq+1, l.seq-1)
		}
		v.found(Finding{Seq: v.last.seq + 1, What: what})
	} else {
		ok, known := v.proves(l.key, linkLabel, l.input(v.last.link), l.link)
		v.follow(ok || !known, l.seq)
		if !known && !v.lost[l.key] {
			v.lost[l.key] = true
			v.found(Finding{Seq: l.seq, What: fmt.Sprintf("link %d and others were made with server key %d, which is not here, so that they can't be checked", l.seq, l.key)})
		}
	}
	v.last = *l
	v.report.Links++
	if v.saved != nil && v.saved.Seq == l.seq && v.saved.Link == fmt.Sprintf("%x", l.link) {
		v.met = true
	}
	if l.log == begin {
		v.began(l)
		return
	}
	v.line(l, contents[l.log])
}

func (v *verifying) began(l *link) {
	if l.seq != 1 {
		v.found(Finding{Seq: l.seq, What: fmt.Sprintf("link %d says that the chain begins there", l.seq)})
		return
	}
	v.report.Begun, v.report.TakenIn = db.Time(l.at), l.row
}

// line compares a line with what its link says of it.
func (v *verifying) line(l *link, rows map[int64][]byte) {
	name := fmt.Sprintf("log %d", l.log)
	if s := v.source(l.log); s != nil {
		name = s.Name
	}
	content, there := rows[l.row]
	trimmed := len(l.gone) > 8
	if trimmed {
		trimmed, _ = v.proves(int64(binary.BigEndian.Uint64(l.gone)), goneLabel, l.trimmed(l.goneBy), l.gone[8:])
	}
	switch {
	case !there && trimmed:
		v.report.Trimmed++
	case !there && (l.gone != nil || l.goneBy != 0):
		v.found(Finding{Seq: l.seq, Log: name, Line: l.row, What: "was removed, and the proof that a rule did so is false"})
	case !there:
		v.found(Finding{Seq: l.seq, Log: name, Line: l.row, What: "was removed"})
	case trimmed:
		v.found(Finding{Seq: l.seq, Log: name, Line: l.row, What: "was put in again after a rule had removed it"})
	default:
		if ok, known := v.proves(l.key, contentLabel, named(l.log, l.row, content), l.content); !ok && known {
			v.found(Finding{Seq: l.seq, Log: name, Line: l.row, What: "was changed"})
		}
	}
}

// unlinked finds the lines of a log that are in no link and do not wait for one.
func (v *verifying) unlinked(ctx context.Context, s *Source) error {
	for after := int64(math.MinInt64); ; {
		ids, err := s.IDs(ctx, v.r, after, sealed)
		if err != nil || len(ids) == 0 {
			return err
		}
		to := ids[len(ids)-1]
		linked, err := rowsBetween(ctx, v.r, `SELECT row_id FROM chain WHERE log = $1 AND row_id > $2 AND row_id <= $3 ORDER BY row_id`, s.Log, after, to)
		if err != nil {
			return err
		}
		waits, err := rowsBetween(ctx, v.r, waitingRows, s.Log, after, to)
		if err != nil {
			return err
		}
		for _, row := range ids {
			if _, in := slices.BinarySearch(linked, row); in {
				continue
			}
			if _, in := slices.BinarySearch(waits, row); !in {
				v.found(Finding{Log: s.Name, Line: row, What: "was put in: it is in no link"})
			}
		}
		after = to
	}
}

const waitingRows = `SELECT row_id FROM chain_due WHERE log = $1 AND row_id > $2 AND row_id <= $3 ORDER BY row_id`

func rowsBetween(ctx context.Context, r db.Reader, query string, l Log, after, to int64) ([]int64, error) {
	rows, err := r.Query(ctx, query, int64(l), after, to)
	if err != nil {
		return nil, fmt.Errorf("read the chain: %w", err)
	}
	defer rows.Close()
	var out []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, fmt.Errorf("read the chain: %w", err)
		}
		out = append(out, n)
	}
	return out, rows.Err()
}

// waiting checks the lines that are to be linked.
func (v *verifying) waiting(ctx context.Context) error {
	list, err := dues(ctx, v.r, `SELECT log, row_id, key_id, mac FROM chain_due ORDER BY log, row_id`)
	if err != nil {
		return err
	}
	for len(list) > 0 {
		some := list[:min(len(list), sealed)]
		list = list[len(some):]
		contents, err := v.contents(ctx, v.r, some)
		if err != nil {
			return err
		}
		for _, d := range some {
			name := fmt.Sprintf("log %d", d.log)
			if s := v.source(d.log); s != nil {
				name = s.Name
			}
			content, there := contents[d.log][d.row]
			ok, known := v.proves(d.key, dueLabel, named(d.log, d.row, content), d.mac)
			switch {
			case !there:
				v.found(Finding{Log: name, Line: d.row, What: "was removed before it was linked"})
			case !known:
				v.found(Finding{Log: name, Line: d.row, What: fmt.Sprintf("waits with a proof of server key %d, which is not here", d.key)})
			case !ok:
				v.found(Finding{Log: name, Line: d.row, What: "was changed or put in before it was linked"})
			default:
				v.report.Waiting++
			}
		}
	}
	return nil
}
