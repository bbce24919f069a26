package lfs

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strings"
	"time"

	"jeton/internal/gate"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
	"jeton/internal/token"
)

// operation is what a transfer credential is good for.
type operation byte

// The operations, as they stand in a credential. Zero is none.
const (
	download operation = 'd'
	upload   operation = 'u'
)

const (
	// ticketLife is how long a transfer may begin after its batch was asked for.
	ticketLife = 15 * time.Minute
	// ticketScheme is the word before it in the Authorization header. No other
	// door knows it, so presented elsewhere it is a credential of no known form.
	ticketScheme  = "RemoteAuth"
	ticketPrefix  = "jeton-lfs-v1-"
	ticketPurpose = "lfs transfer"
	maxTicket     = 4096
)

// ticket is a transfer credential: a sealed note of who may do which transfers
// of one repository. It says nothing about what its account or its token may do
// besides, and is worth nothing once they may no longer do this.
type ticket struct {
	op    operation
	repo  id.Repo
	until time.Time
	from  token.Source
}

// A note is the operation, then repository, account, token and end in eight
// bytes each, then the end of the token's secret and, for a token that was narrowed,
// its links, each with a zero byte before it.
const ticketFixed = 1 + 4*8

// newTicket makes the Authorization header for transfers of c's repository.
// There is none for a visitor, who needs none.
func (d *Door) newTicket(c *call, op operation) (secret.Value, time.Time, error) {
	if !c.actor.IsToken() {
		return secret.Value{}, time.Time{}, nil
	}
	until := d.o.Now().Add(ticketLife).UTC().Truncate(time.Second)
	from := gate.SourceOf(&c.actor)
	b := append(make([]byte, 0, ticketFixed+len(from.Ending)), byte(op))
	for _, n := range []int64{int64(c.repo.ID), int64(from.Account), int64(from.Token), until.Unix()} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	sealed, err := d.o.Keys.Seal(ticketPurpose, append(b, strings.Join(append([]string{from.Ending}, from.Links...), "\x00")...), nil)
	if err != nil {
		return secret.Value{}, time.Time{}, err
	}
	return secret.New(ticketScheme + " " + ticketPrefix + base64.RawURLEncoding.EncodeToString(sealed)), until, nil
}

// openTicket reads what newTicket made.
func (d *Door) openTicket(text string) (*ticket, bool) {
	encoded, ok := strings.CutPrefix(text, ticketPrefix)
	if !ok || len(encoded) > maxTicket {
		return nil, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, false
	}
	b, err := d.o.Keys.Open(ticketPurpose, sealed, nil)
	if err != nil || len(b) < ticketFixed {
		return nil, false
	}
	n := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[1+8*i:])) }
	ending, chain, narrowed := strings.Cut(string(b[ticketFixed:]), "\x00")
	var links []string
	if narrowed {
		links = strings.Split(chain, "\x00")
	}
	return &ticket{
		op: operation(b[0]), repo: id.Repo(n(0)), until: time.Unix(n(3), 0),
		from: token.Source{Account: id.Account(n(1)), Token: id.Token(n(2)), Ending: ending, Links: links},
	}, true
}

var errTicket = problem.New(problem.Unauthenticated, "The credential of this transfer is not good for it, or not any more.", "Run the command again: git-lfs then gets a new one.")

// identify turns the request's credential into an actor: a token, as git has
// it, or a transfer credential. With begins, the latter must not be over yet.
func (d *Door) identify(ctx context.Context, r *http.Request, begins bool) (right.Actor, *ticket, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 1 {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
		if strings.EqualFold(scheme, ticketScheme) {
			return d.identifyTicket(ctx, strings.TrimSpace(rest), begins)
		}
	}
	actor, err := d.o.Gate.Identify(ctx, gate.ParseAuthorization(values))
	return actor, nil, err
}

func (d *Door) identifyTicket(ctx context.Context, text string, begins bool) (right.Actor, *ticket, error) {
	t, ok := d.openTicket(text)
	if !ok || begins && !d.o.Now().Before(t.until) {
		return right.Actor{}, nil, errTicket
	}
	actor, err := d.o.Gate.IdentifySource(ctx, t.from)
	if err != nil {
		return right.Actor{}, nil, err
	}
	return actor, t, nil
}
