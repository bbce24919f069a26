package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"jeton/internal/event"
	"jeton/internal/limit"
	"jeton/internal/problem"
	"jeton/internal/secret"
)

// Cost is what one password hash takes.
type Cost struct {
	Memory uint32 // KiB
	Passes uint32
	Lanes  uint8
}

// usual is OWASP's first recommendation for argon2id: 19 MiB, two passes.
func usual() Cost { return Cost{Memory: 19 * 1024, Passes: 2, Lanes: 1} }

const (
	saltSize = 16
	hashSize = 32

	// What a stored hash may ask for at most, so that a damaged row cannot take
	// the machine's memory.
	mostMemory = 1 << 20
	mostPasses = 64
)

// Hash is a password's hash in the PHC string form. It is no secret to the
// program, but nothing shows it.
type Hash struct{ phc string }

// hasher computes password hashes, as many at a time as there are processors,
// and lets a bounded number wait for their turn, at most half of them from one
// network.
type hasher struct {
	cost  Cost
	slots chan struct{}
	gate  *limit.Gate  // those who wait or compute
	count atomic.Int64 // computations so far
	dummy string       // a well-formed hash that no password has
}

func newHasher(cost Cost, waiters int) *hasher {
	if cost == (Cost{}) {
		cost = usual()
	}
	if waiters <= 0 {
		waiters = 400 // a class of two hundred behind one address, and as many elsewhere
	}
	h := &hasher{cost: cost, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	inside := waiters + cap(h.slots)
	h.gate = limit.NewGate(limit.GateOptions{PerKey: inside / 2, Total: inside})
	var fake [saltSize + hashSize]byte
	_, _ = rand.Read(fake[:]) // never fails
	h.dummy = encode(cost, fake[:saltSize], fake[saltSize:])
	return h
}

// compute runs argon2id when a slot is free. Too many waiters give
// problem.Unavailable rather than a queue without end, and so do too many from
// the network of ctx's request.
func (h *hasher) compute(ctx context.Context, c Cost, password secret.Value, salt []byte, size uint32) ([]byte, error) {
	leave, err := h.gate.Enter(limit.Network(event.From(ctx).Address))
	if err != nil {
		return nil, &problem.Error{
			Kind: problem.Unavailable, After: 5,
			Public: "Too many people are signing in at this moment.",
			Remedy: "Try again in a few seconds.",
		}
	}
	defer leave()
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-h.slots }()
	h.count.Add(1)
	// One spelling for one text: keyboards differ in how they compose letters.
	return argon2.IDKey(norm.NFC.Bytes([]byte(password.Reveal())), salt, c.Passes, c.Memory, c.Lanes, size), nil
}

// make hashes a new password at the present cost.
func (h *hasher) make(ctx context.Context, password secret.Value) (Hash, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	sum, err := h.compute(ctx, h.cost, password, salt, hashSize)
	if err != nil {
		return Hash{}, err
	}
	return Hash{encode(h.cost, salt, sum)}, nil
}

// check reports whether password has the stored hash, and whether that hash was
// made at another cost than the present one. An empty phc is that of nobody: it
// takes the same work and is never right.
func (h *hasher) check(ctx context.Context, phc string, password secret.Value) (right, old bool, err error) {
	nobody := phc == ""
	if nobody {
		phc = h.dummy
	}
	c, salt, want, err := decode(phc)
	if err != nil {
		return false, false, err
	}
	// Nothing longer was ever accepted as a password; it costs the same work.
	tooLong := len(password.Reveal()) > MaxPassword
	if tooLong {
		password = secret.New("")
	}
	got, err := h.compute(ctx, c, password, salt, uint32(len(want)))
	if err != nil {
		return false, false, err
	}
	right = subtle.ConstantTimeCompare(got, want) == 1 && !nobody && !tooLong
	return right, c != h.cost, nil
}

func encode(c Cost, salt, sum []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Passes, c.Lanes,
		b64.EncodeToString(salt), b64.EncodeToString(sum))
}

func decode(phc string) (c Cost, salt, sum []byte, err error) {
	bad := func() (Cost, []byte, []byte, error) {
		return Cost{}, nil, nil, fmt.Errorf("stored password hash is damaged")
	}
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return bad()
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.Memory, &c.Passes, &c.Lanes); n != 3 || err != nil {
		return bad()
	}
	if c.Memory > mostMemory || c.Passes == 0 || c.Passes > mostPasses || c.Lanes == 0 {
		return bad()
	}
	b64 := base64.RawStdEncoding.Strict()
	if salt, err = b64.DecodeString(parts[4]); err != nil || len(salt) < 8 {
		return bad()
	}
	if sum, err = b64.DecodeString(parts[5]); err != nil || len(sum) < 16 || len(sum) > 64 {
		return bad()
	}
	return c, salt, sum, nil
}
