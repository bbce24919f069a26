package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/token"
)

// slice is how many bytes are reserved at a time. What is left of one when its
// request ends is given back; what a crash cuts off counts as used.
const slice = 1 << 20

// Meter counts what one request uses up of its token's budgets. A nil Meter, which
// is that of a token without any, counts nothing and lets everything pass. It is
// safe for concurrent use.
type Meter struct {
	g     *Gate
	actor right.Actor
	bytes bool // some budget has bytes

	mu   sync.Mutex
	left int64 // reserved and not used; guarded by mu
}

// Meter begins to count a request of the actor; Close ends that.
func (g *Gate) Meter(actor *right.Actor) *Meter {
	if !actor.Grant.Limits.Counted() {
		return nil
	}
	return &Meter{g: g, actor: *actor, bytes: actor.Grant.Limits.Bytes > 0}
}

// Check refuses, by a *Refusal, when a budget is used up already. It takes nothing.
func (m *Meter) Check(ctx context.Context) error {
	if m == nil {
		return nil
	}
	return m.refusal(ctx, m.g.o.Tokens.Unspent(ctx, m.actor.Token, m.actor.Grant.Limits.Budgets))
}

// Use takes one use, and the first bytes, before what is used begins. It fails with
// *Refusal.
func (m *Meter) Use(ctx context.Context) error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reserve(ctx, 1)
}

// reserve takes uses and a slice. The caller holds mu.
func (m *Meter) reserve(ctx context.Context, uses int64) error {
	want := int64(0)
	if m.bytes {
		want = slice
	}
	got, err := m.g.o.Tokens.Reserve(ctx, m.actor.Token, m.actor.Grant.Limits.Budgets, uses, want)
	m.left += got
	return m.refusal(ctx, err)
}

// take returns how many of n bytes may go on their way now, one at least. It fails
// with *Refusal.
func (m *Meter) take(ctx context.Context, n int64) (int64, error) {
	if m == nil || !m.bytes {
		return n, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 {
		if err := m.reserve(ctx, 0); err != nil {
			return 0, err
		}
	}
	n = min(n, m.left)
	m.left -= n
	return n, nil
}

// Close gives back what was not used.
func (m *Meter) Close(ctx context.Context) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 {
		return
	}
	err := m.g.o.Tokens.GiveBack(context.WithoutCancel(ctx), m.actor.Token, m.actor.Grant.Limits.Budgets, m.left)
	if m.left = 0; err != nil {
		m.g.o.Log.WarnContext(ctx, "what a token did not use was not given back", "token", int64(m.actor.Token), "err", err)
	}
}

// Reader returns r, of which no more is read than the budgets have for.
func (m *Meter) Reader(ctx context.Context, r io.Reader) io.Reader {
	if m == nil || !m.bytes {
		return r
	}
	return &meteredReader{m, ctx, r}
}

type meteredReader struct {
	m   *Meter
	ctx context.Context // of the request
	r   io.Reader
}

// Read implements io.Reader. The budget is asked once there is something to read:
// what ends where the budget ends is whole.
func (r *meteredReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	for passed := int64(0); passed < int64(n); {
		got, refused := r.m.take(r.ctx, int64(n)-passed)
		if refused != nil {
			return 0, refused
		}
		passed += got
	}
	return n, err
}

// Writer returns w, to which no more goes than the budgets have for: each byte is
// counted before it goes, and when they are used up, that is the error.
func (m *Meter) Writer(ctx context.Context, w io.Writer) io.Writer {
	if m == nil || !m.bytes {
		return w
	}
	return &meteredWriter{m, ctx, w}
}

type meteredWriter struct {
	m   *Meter
	ctx context.Context // of the request
	w   io.Writer
}

// Write implements io.Writer.
func (w *meteredWriter) Write(b []byte) (int, error) {
	sum := 0
	for sum < len(b) {
		n, err := w.m.take(w.ctx, int64(len(b)-sum))
		if err != nil {
			return sum, err
		}
		some, err := w.w.Write(b[sum : sum+int(n)])
		if sum += some; err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// Flush sends what was written so far.
func (w *meteredWriter) Flush() {
	if f, ok := w.w.(interface{ Flush() }); ok {
		f.Flush()
	}
}

// refusal words what is used up.
func (m *Meter) refusal(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	spent, ok := errors.AsType[*token.Spent](err)
	if !ok {
		return problem.Wrap(err, problem.Unavailable, "The server cannot count what your token uses at the moment.", "Try again in a minute.")
	}
	r := m.g.usedUp(&m.actor, spent)
	m.g.refused(ctx, r)
	return r
}

// usedUp words a budget that is used up.
func (g *Gate) usedUp(a *right.Actor, spent *token.Spent) *Refusal {
	was := fmt.Sprintf("%d uses", spent.Budget.Uses)
	switch {
	case spent.Bytes:
		was = fmt.Sprintf("%d bytes", spent.Budget.Bytes)
	case spent.Budget.Uses == 1:
		was = "one use"
	}
	return &Refusal{Why: UsedUp, of: token.Token{ID: a.Token, Account: a.Account, Kind: token.KindFor(a.Kind), App: a.App, Note: a.Note},
		problem: problem.New(problem.Forbidden, fmt.Sprintf("The token %q is used up: it was for %s.", a.Note, was), "Its limits stand at "+g.tokenURL(a, ""))}
}
