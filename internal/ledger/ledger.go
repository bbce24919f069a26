// Package ledger holds the uses of tokens: when, from where, by which client,
// what for, with which result. Doors tell of a use and wait for nothing; it is
// written within a second. It must never hold a secret or a path, and never
// keep a request waiting.
package ledger

import (
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"jeton/internal/audit"
	"jeton/internal/chain"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/right"
	"jeton/internal/token"
)

const (
	flushEvery = time.Second
	maxPending = 1 << 16     // different lines that wait to be written; beyond it uses are only counted
	openFor    = time.Minute // how long a line takes in further uses that are equal
	maxLines   = 3600        // different lines of one token within an hour; what is more is told by action alone
)

// Options are what the room needs. All but Log, Now and the times are required.
type Options struct {
	DB     *db.DB
	Chain  *chain.Chain
	Audit  *audit.Log
	Tokens *token.Room
	Log    *slog.Logger
	Now    func() time.Time

	Keep        time.Duration // how long a use is kept; 0: DefaultKeep
	KeepRevoked time.Duration // how long after its token was deleted; 0: DefaultKeepRevoked
}

// The times for which uses are kept.
const (
	DefaultKeep        = 400 * 24 * time.Hour
	DefaultKeepRevoked = 90 * 24 * time.Hour
)

// Use is what is known of a use when it begins.
type Use struct {
	Token       id.Token
	Node        string     // of the narrowed token; empty: the token itself
	Old         string     // how its secret ends, if that is one that a rotation took out
	Account     id.Account // whose token it is
	Action      right.Action
	Repo        id.Repo // zero where it is of none, or its existence is not told
	Owner, Name string  // the repository, as it was asked for
	Address     netip.Addr
	Client      string
}

// The results of uses that were let in. What was refused says why.
const (
	Done     = "done"
	UnderWay = "under way" // for longer than a second: its end is a line of its own
	Broken   = "broken off"
)

// line is what equal uses have in common.
type line struct {
	Use
	result string
}

// sum is what they add up to.
type sum struct {
	first, last    time.Time
	times          int64
	received, sent int64
}

func (s *sum) add(o *sum) {
	if o.first.Before(s.first) {
		s.first = o.first
	}
	if o.last.After(s.last) {
		s.last = o.last
	}
	s.times, s.received, s.sent = s.times+o.times, s.received+o.received, s.sent+o.sent
}

// deed is an action that the gate let a token do.
type deed struct {
	token  id.Token
	action right.Action
	public bool
}

// Running is a use that has begun and not ended.
type Running struct {
	room       *Room
	in         *part
	use        Use
	began      time.Time
	told       bool // there is a line of it already
	prev, next *Running
}

// parts is how many parts of the room there are: requests that come at once
// shall not wait for each other.
const parts = 16

// part is what was told and is not written. Any use may go to any part: what is
// equal is put together when it is written.
type part struct {
	mu      sync.Mutex
	lines   map[short]*told   // guarded by mu
	size    int               // how many told there are; guarded by mu
	running Running           // the ring's head; guarded by mu
	deeds   map[deed]struct{} // guarded by mu
	_       [64]byte          // two parts share no line of the processor's cache
}

// Room holds the uses of all tokens. It is safe for concurrent use.
type Room struct {
	o     Options
	seed  maphash.Seed
	parts [parts]part
	lost  atomic.Int64 // uses that were counted only

	flushing sync.Mutex
	open     map[line]openLine  // guarded by flushing
	hour     time.Time          // of budget; guarded by flushing
	budget   map[id.Token]int   // lines of each token in the hour; guarded by flushing
	waiting  map[line]*sum      // what could not be written yet; guarded by flushing
	deeds    map[deed]time.Time // the same; guarded by flushing
	trimmed  time.Time          // when Run looked last for what is old
}

// New makes the room. Run begins its work.
func New(o Options) *Room {
	if o.DB == nil || o.Chain == nil || o.Audit == nil || o.Tokens == nil {
		panic("ledger: New without DB, Chain, Audit or Tokens")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Keep == 0 {
		o.Keep = DefaultKeep
	}
	if o.KeepRevoked == 0 {
		o.KeepRevoked = DefaultKeepRevoked
	}
	r := &Room{o: o, seed: maphash.MakeSeed(), open: map[line]openLine{}, budget: map[id.Token]int{}, waiting: map[line]*sum{}, deeds: map[deed]time.Time{}}
	for i := range r.parts {
		p := &r.parts[i]
		p.running.prev, p.running.next = &p.running, &p.running
		p.lines, p.deeds = map[short]*told{}, map[deed]struct{}{}
	}
	o.Chain.Register(chain.Source{Log: chain.Uses, Name: "uses of tokens", Rows: rowsOf, IDs: idsAfter})
	return r
}

// Keep returns how long uses are kept, and how long after their token was deleted.
func (r *Room) Keep() (used, revoked time.Duration) { return r.o.Keep, r.o.KeepRevoked }

// anyPart picks a part.
func (r *Room) anyPart() *part { return &r.parts[rand.Uint32()%parts] }

// Begin tells that a token is used. The caller Ends it when the answer is given.
func (r *Room) Begin(u Use) *Running {
	x := &Running{room: r, in: r.anyPart(), use: u, began: r.o.Now()}
	p := x.in
	p.mu.Lock()
	x.prev, x.next = p.running.prev, &p.running
	x.prev.next, x.next.prev = x, x
	p.mu.Unlock()
	return x
}

// About says on what the use is, as soon as that is known. The owner's and the
// repository's names are those under which it was found.
func (x *Running) About(action right.Action, repo id.Repo, owner, name string) {
	x.in.mu.Lock()
	x.use.Action, x.use.Repo, x.use.Owner, x.use.Name = action, repo, owner, name
	x.in.mu.Unlock()
}

// End tells how it ended, and how many bytes of bodies came and went. It is called
// once.
func (x *Running) End(result string, received, sent int64) {
	now := x.room.o.Now()
	p := x.in
	p.mu.Lock()
	defer p.mu.Unlock()
	x.prev.next, x.next.prev = x.next, x.prev
	p.add(x.room, &x.use, result, sum{first: x.began, last: now, times: 1, received: received, sent: sent})
}

// Refused tells of a use that was refused before anything else was known of it.
func (r *Room) Refused(u Use, why string) {
	now := r.o.Now()
	p := r.anyPart()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(r, &u, why, sum{first: now, last: now, times: 1})
}

// Let tells that the gate let a token do something, on something public or not.
func (r *Room) Let(t id.Token, a right.Action, public bool) {
	p := r.anyPart()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.deeds) < maxPending/parts {
		p.deeds[deed{t, a, public}] = struct{}{}
	}
}

// short is what most lines differ in. To hash a whole line takes longer than all
// else that a request pays here.
type short struct {
	token  id.Token
	repo   id.Repo
	action right.Action
	rest   uint64 // of client and name
}

// told is a line, and the next one of the same short.
type told struct {
	line
	sum
	next *told
}

// add counts a use; the caller holds mu.
func (p *part) add(r *Room, u *Use, result string, s sum) {
	k := short{token: u.Token, repo: u.Repo, action: u.Action, rest: maphash.String(r.seed, u.Client) + 7*maphash.String(r.seed, u.Node)}
	if u.Repo == 0 {
		k.rest += 31 * maphash.String(r.seed, u.Name)
	}
	first := p.lines[k]
	for t := first; t != nil; t = t.next {
		if t.result == result && t.Use == *u {
			t.add(&s)
			return
		}
	}
	if p.size >= maxPending/parts {
		r.lost.Add(1)
		return
	}
	p.lines[k] = &told{line: line{*u, result}, sum: s, next: first}
	p.size++
}

// gather puts what was told with what waits. The caller holds flushing.
func (r *Room) gather() {
	now := r.o.Now()
	if hour := now.Truncate(time.Hour); !hour.Equal(r.hour) {
		r.hour = hour
		clear(r.budget)
	}
	for i := range r.parts {
		p := &r.parts[i]
		p.mu.Lock()
		for x := p.running.next; x != &p.running; x = x.next {
			if !x.told {
				x.told = true
				p.add(r, &x.use, UnderWay, sum{first: x.began, last: x.began, times: 1})
			}
		}
		// An empty map stays where it is, and is nobody's outside the lock.
		var lines map[short]*told
		if len(p.lines) > 0 {
			lines, p.lines, p.size = p.lines, make(map[short]*told, len(p.lines)), 0
		}
		var deeds map[deed]struct{}
		if len(p.deeds) > 0 {
			deeds, p.deeds = p.deeds, make(map[deed]struct{}, len(p.deeds))
		}
		p.mu.Unlock()
		for _, t := range lines {
			for ; t != nil; t = t.next {
				r.wait(t.line, &t.sum)
			}
		}
		for d := range deeds {
			if len(r.deeds) < maxPending {
				r.deeds[d] = now
			}
		}
	}
}

// wait adds to the lines that wait to be written, within what a token may fill.
func (r *Room) wait(l line, s *sum) {
	if have := r.waiting[l]; have != nil {
		have.add(s)
		return
	}
	if _, grows := r.open[l]; !grows {
		if r.budget[l.Token] >= maxLines {
			l = line{Use{Token: l.Token, Node: l.Node, Old: l.Old, Account: l.Account, Action: l.Action}, l.result}
			if have := r.waiting[l]; have != nil {
				have.add(s)
				return
			}
		} else {
			r.budget[l.Token]++
		}
	}
	if len(r.waiting) >= maxPending {
		r.lost.Add(s.times)
		return
	}
	r.waiting[l] = s
}
