package notice

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/event"
	"jeton/internal/hook"
	"jeton/internal/id"
	"jeton/internal/printable"
	"jeton/internal/right"
)

// The most bytes that a field of a notice keeps.
const (
	maxNote   = 255
	maxClient = 200
)

// CreatedTx tells that a token has a secret that it had not, and how it came to it.
func (r *Room) CreatedTx(ctx context.Context, tx *db.Tx, actor right.Actor, t Token, how string, at time.Time) error {
	if r == nil {
		return nil
	}
	d := Detail{How: how}
	if ev := event.From(ctx); t.App == "" { // for an application its own server asks
		d.Address, d.Client = address(ev.Address), ev.Client
	}
	return r.tell(ctx, tx, actor, Created, t, micros(at), d)
}

// EndsTx tells that a token ends, or has ended. That is told once of each end.
func (r *Room) EndsTx(ctx context.Context, tx *db.Tx, kind Kind, t Token) error {
	if r == nil {
		return nil
	}
	return r.tell(ctx, tx, right.Actor{Account: t.Account}, kind, t, Mark(t.EndsAt), Detail{})
}

// Mark is the mark of a notice about an end.
func Mark(end time.Time) string { return micros(end) }

// Of reports whether the notice is about that end.
func (n *Notice) Of(end time.Time) bool {
	mark, _, _ := strings.Cut(n.Mark, " ")
	return mark == Mark(end)
}

// ReuseTx tells that an old secret of a token, with this ending, was used after its
// end, and that the token was frozen for that.
func (r *Room) ReuseTx(ctx context.Context, tx *db.Tx, t Token, ending string, at time.Time) error {
	if r == nil {
		return nil
	}
	ev := event.From(ctx)
	return r.tell(ctx, tx, right.Actor{Account: t.Account}, Reuse, t, micros(at), Detail{Ending: ending, Address: address(ev.Address), Client: ev.Client})
}

// NetworkTx tells of a use that SeenTx found to be from a new network.
func (r *Room) NetworkTx(ctx context.Context, tx *db.Tx, t Token, s Seen) error {
	if r == nil {
		return nil
	}
	// Of a network that was forgotten and comes again it is told again, by the day.
	mark := Network(s.Address) + " " + s.At.UTC().Format(time.DateOnly)
	return r.tell(ctx, tx, right.Actor{Account: t.Account}, NewNetwork, t, mark, Detail{Network: Network(s.Address), Address: address(s.Address), Client: s.Client})
}

// ConfirmTx has a mail sent to an address of an account, with the link that was issued
// for it at that time. The link is made when the mail is: the row does not hold it.
func (r *Room) ConfirmTx(ctx context.Context, tx *db.Tx, account id.Account, e id.Email, issued time.Time) error {
	if r == nil {
		return nil
	}
	text, err := json.Marshal(Detail{Email: e})
	if err != nil {
		return fmt.Errorf("write a notice: %w", err)
	}
	now := db.Micros(r.o.Now())
	_, err = tx.Exec(ctx, `
		INSERT INTO notices (account_id, kind, token_id, mark, detail, created_at, due_at) VALUES ($1, $2, 0, $3, $4, $5, $5)`,
		account, string(Confirm), ConfirmMark(e, issued), string(text), now)
	if err != nil {
		return fmt.Errorf("write a notice: %w", err)
	}
	tx.AfterCommit(r.poke)
	return nil
}

// ConfirmMark is the mark of a notice by which an address is confirmed.
func ConfirmMark(e id.Email, issued time.Time) string {
	return id.Text(e) + " " + micros(issued)
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().WithZone("").String()
}

// tell writes the notice unless it was written before, and has the webhooks told with
// it.
func (r *Room) tell(ctx context.Context, tx *db.Tx, actor right.Actor, kind Kind, t Token, mark string, d Detail) error {
	d.Client = printable.Line(d.Client, maxClient)
	fresh, err := r.write(ctx, tx, kind, t, mark, d)
	if err != nil || !fresh {
		return err
	}
	return r.emit(ctx, tx, actor, kind, t, &d)
}

// write writes a row for each of the readers who has none, and reports whether there
// was one.
func (r *Room) write(ctx context.Context, tx *db.Tx, kind Kind, t Token, mark string, d Detail) (fresh bool, err error) {
	d.Note, d.Kind, d.App, d.Machine, d.EndsAt = printable.Line(t.Note, maxNote), t.Kind, t.App, t.Machine, db.Micros(t.EndsAt)
	text, err := json.Marshal(d)
	if err != nil {
		return false, fmt.Errorf("write a notice: %w", err)
	}
	for _, reader := range t.Readers {
		one := mark
		if reader != t.Account {
			one += " " + id.Text(reader)
		}
		done, err := tx.Exec(ctx, `
			INSERT INTO notices (account_id, kind, token_id, mark, detail, created_at, due_at) VALUES ($1, $2, $3, $4, $5, $6, $6)
			ON CONFLICT (token_id, kind, mark) DO NOTHING`, reader, string(kind), t.ID, one, string(text), db.Micros(r.o.Now()))
		if err != nil {
			return false, fmt.Errorf("write a notice: %w", err)
		}
		n, err := done.RowsAffected()
		if err != nil {
			return false, err
		}
		fresh = fresh || n > 0
	}
	if fresh {
		tx.AfterCommit(r.poke)
	}
	return fresh, nil
}

// tokenBody is what webhooks are told of a token: nothing by which it could be used,
// and no repository.
type tokenBody struct {
	ID        id.Token   `json:"id"`
	Name      string     `json:"name"`
	Kind      string     `json:"kind"`
	Owner     id.Account `json:"owner"` // package deliver puts the user in its place
	CreatedAt *time.Time `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
}

// whereBody is what the owner's own webhooks are told beside it: an organization does
// not learn from where its members work.
type whereBody struct {
	Token   tokenBody `json:"personal_access_token"`
	How     string    `json:"how,omitempty"`
	Address string    `json:"address,omitempty"`
	Network string    `json:"network,omitempty"`
	Client  string    `json:"client,omitempty"`
}

// Event is the name of the event that webhooks are told of.
const Event = "personal_access_token"

func (r *Room) emit(ctx context.Context, tx *db.Tx, actor right.Actor, kind Kind, t Token, d *Detail) error {
	body := whereBody{Token: tokenBody{ID: t.ID, Name: printable.Line(t.Note, maxNote), Kind: t.Kind, Owner: t.Account, CreatedAt: moment(t.CreatedAt), ExpiresAt: moment(t.EndsAt)},
		How: d.How, Address: d.Address, Network: d.Network, Client: d.Client}
	deed := hook.Deed{Event: Event, Action: kind.facts().action, Actor: actor, Body: body}
	if len(t.Readers) == 1 { // several answer for an organization's, whose own webhooks are told
		deed.Person = t.Readers[0]
		if err := r.o.Hooks.Emit(ctx, tx, deed); err != nil {
			return err
		}
	}
	if t.Owner == 0 || t.Owner == deed.Person || t.Apart { // who left an organization, it has no part in
		return nil
	}
	deed.Person, deed.Org, deed.Body = 0, t.Owner, whereBody{Token: body.Token, How: d.How}
	return r.o.Hooks.Emit(ctx, tx, deed)
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}
