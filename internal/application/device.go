package application

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"jeton/internal/db"
	"jeton/internal/event"
	"jeton/internal/id"
	"jeton/internal/limit"
	"jeton/internal/printable"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/secret"
)

// The times of the device flow, as GitHub has them.
const (
	DeviceLife     = 15 * time.Minute
	DeviceInterval = 5  // seconds between two questions
	slowInterval   = 10 // what a client that asks too often is told to keep from then on
)

// Bounds for what strangers can cause.
const (
	startsPerHour  = 600 // device codes for one network: a class may sit behind one
	guessesPerHour = 10  // codes that an account typed and that are nobody's
)

// pace lets a client ask a little early now and then: clocks differ, and one
// that is told to slow down twice gives up.
func pace() limit.Rate { return limit.Rate{Count: 1, Per: DeviceInterval * time.Second, Burst: 3} }

// letters of a code that people type: no vowels, so no words, and nothing that
// looks like something else.
const letters = "BCDFGHJKLMNPQRSTVWXZ"

const userCodeLen = 8 // 34 bits, for a quarter of an hour, with guesses bounded

// Device states.
const (
	devicePending = iota
	deviceAllowed
	deviceDenied
	deviceDone
)

// Device is what a device gets to begin with.
type Device struct {
	Code     secret.Value
	UserCode string // as it is shown: XXXX-XXXX
}

// DeviceRequest is a device that waits for a person, as the page shows it.
type DeviceRequest struct {
	App       App
	Scopes    right.ScopeSet
	Address   string
	Client    string // what it says of itself
	CreatedAt time.Time
}

// StartDevice begins the flow for an application.
func (r *Room) StartDevice(ctx context.Context, a *App, scopes right.ScopeSet) (Device, error) {
	if !a.DeviceFlow {
		return Device{}, NoDevices()
	}
	if err := r.o.Tokens.ForApps(ctx, r.o.DB); err != nil {
		return Device{}, outOfPolicy(err)
	}
	ev := event.From(ctx)
	if ok, after := r.o.Limit.Allow("device code "+limit.Network(ev.Address), limit.Rate{Count: startsPerHour, Per: time.Hour}, 1); !ok {
		p := problem.New(problem.TooMany, "Too many devices from your network ask to be signed in.", "Wait a few minutes, then try again.")
		p.After = int(after.Seconds()) + 1
		return Device{}, p
	}
	d := Device{Code: secret.New(randomHex(20)), UserCode: newUserCode()}
	key, sum := r.digest(deviceLabel, d.Code)
	userKey, userSum := r.digest(userLabel, secret.New(normalCode(d.UserCode)))
	address := ""
	if ev.Address.IsValid() {
		address = ev.Address.Unmap().WithZone("").String()
	}
	now := r.o.Now()
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM oauth_devices WHERE id IN (SELECT id FROM oauth_devices WHERE expires_at < $1 LIMIT 1000)`, db.Micros(now.Add(-time.Hour)))
		if err != nil {
			return fmt.Errorf("delete old device codes: %w", err)
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO oauth_devices (key_id, digest, user_key, user_sum, client_id, scopes, address, client, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			key, sum[:], userKey, userSum[:], a.ClientID, joinScopes(scopes), address, printable.Line(ev.Client, 256), db.Micros(now), db.Micros(now.Add(DeviceLife)))
		if err != nil {
			return fmt.Errorf("insert device code: %w", err)
		}
		return nil
	})
	return d, err
}

func newUserCode() string {
	var b strings.Builder
	var buf [64]byte
	for n := 0; n < userCodeLen; {
		if _, err := rand.Read(buf[:]); err != nil {
			panic(fmt.Sprintf("application: no randomness: %v", err)) // crypto/rand.Read never fails since Go 1.24
		}
		for _, c := range buf {
			if c < 240 && n < userCodeLen { // 240 is a multiple of 20: no letter is drawn more often
				if n == userCodeLen/2 {
					b.WriteByte('-')
				}
				b.WriteByte(letters[int(c)%len(letters)])
				n++
			}
		}
	}
	return b.String()
}

// ShownCode is a code in the form in which devices show it.
func ShownCode(typed string) string {
	c := normalCode(typed)
	if len(c) != userCodeLen {
		return c
	}
	return c[:userCodeLen/2] + "-" + c[userCodeLen/2:]
}

// normalCode is a code as people may type it: in small letters, with or without
// the hyphen or spaces.
func normalCode(s string) string {
	return strings.ToUpper(strings.NewReplacer("-", "", " ", "", "\t", "").Replace(s))
}

// device is a row of oauth_devices.
type device struct {
	id               int64
	client, scopes   string
	address, agent   string
	created, expires int64
	state            int64
	account          id.Account
}

func (r *Room) readDevice(ctx context.Context, read db.Reader, label, column string, plain secret.Value) (device, bool, error) {
	var d device
	found, err := r.find(label, plain, func(sum []byte) error {
		return read.QueryRow(ctx, `SELECT id, client_id, scopes, address, client, created_at, expires_at, state, account_id FROM oauth_devices WHERE `+column+` = $1`, sum).
			Scan(&d.id, &d.client, &d.scopes, &d.address, &d.agent, &d.created, &d.expires, &d.state, &d.account)
	})
	return d, found, err
}

// Waiting returns the device whose code a person typed. Codes that are nobody's
// are counted against the person: beyond a few in an hour, problem.TooMany.
func (r *Room) Waiting(ctx context.Context, actor *right.Actor, typed string) (DeviceRequest, error) {
	key, rate := "device guess "+strconv.FormatInt(int64(actor.Account), 10), limit.Rate{Count: guessesPerHour, Per: time.Hour}
	if ok, after := r.o.Limit.Allow(key, rate, 1); !ok {
		p := problem.New(problem.TooMany, "You typed too many codes that are not good.", "Wait a few minutes. Then start the program anew and type the code that it shows.")
		p.After = int(after.Seconds()) + 1
		return DeviceRequest{}, p
	}
	wrong := problem.Field("user_code", "This code is not known, or its time is over")
	wrong.Remedy = "Codes are good for 15 minutes. Type the one that the program on your device shows, or start it anew."
	code := normalCode(typed)
	if len(code) != userCodeLen || strings.Trim(code, letters) != "" {
		return DeviceRequest{}, wrong
	}
	d, found, err := r.readDevice(ctx, r.o.DB, userLabel, "user_sum", secret.New(code))
	if err != nil {
		return DeviceRequest{}, err
	}
	if !found || d.state != devicePending || !r.o.Now().Before(db.Time(d.expires)) {
		return DeviceRequest{}, wrong
	}
	r.o.Limit.Return(key, rate, 1)
	a, err := r.ByClientID(ctx, d.client)
	if err != nil {
		return DeviceRequest{}, err
	}
	return DeviceRequest{App: a, Scopes: parseScopes(d.scopes), Address: d.address, Client: d.agent, CreatedAt: db.Time(d.created)}, nil
}

// Decide lets the device whose code was typed in, or refuses it. It is decided
// once: a second person's word does not count.
func (r *Room) Decide(ctx context.Context, actor right.Actor, typed string, allow bool) error {
	q, err := r.Waiting(ctx, &actor, typed)
	if err != nil {
		return err
	}
	code := secret.New(normalCode(typed))
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		d, found, err := r.readDevice(ctx, tx, userLabel, "user_sum", code)
		if err != nil {
			return err
		}
		if !found || d.state != devicePending || !r.o.Now().Before(db.Time(d.expires)) {
			return problem.New(problem.Conflict, "This code was used already, or its time is over.", "Start the program on your device anew.")
		}
		state := deviceDenied
		if allow {
			state = deviceAllowed
			if err := r.allowTx(ctx, tx, actor, &q.App, actor.Account, q.Scopes); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `UPDATE oauth_devices SET state = $1, account_id = $2 WHERE id = $3`, state, actor.Account, d.id); err != nil {
			return fmt.Errorf("decide about device: %w", err)
		}
		return nil
	})
}

// Poll gives a device its token once a person let it in. Until then, and in
// every other case, the application is told a *Fault.
func (r *Room) Poll(ctx context.Context, c *Client, plain secret.Value) (Granted, error) {
	d, found, err := r.readDevice(ctx, r.o.DB, deviceLabel, "digest", plain)
	if err != nil || !found || d.client != c.ClientID {
		return Granted{}, orFault(err, badDevice())
	}
	if refused := r.notYet(&d); refused != nil {
		return Granted{}, refused
	}
	return r.give(ctx, func(tx *db.Tx) (Granted, *Fault, error) {
		d, found, err := r.readDevice(ctx, tx, deviceLabel, "digest", plain)
		if err != nil {
			return Granted{}, nil, err
		}
		if !found || d.client != c.ClientID || d.state != deviceAllowed {
			return Granted{}, badDevice(), nil
		}
		g, err := r.issueTx(ctx, tx, &c.App, d.account, parseScopes(d.scopes), true)
		if err != nil {
			return Granted{}, nil, err
		}
		if _, err := tx.Exec(ctx, `UPDATE oauth_devices SET state = $1 WHERE id = $2`, deviceDone, d.id); err != nil {
			return Granted{}, nil, fmt.Errorf("end device code: %w", err)
		}
		return g, nil, nil
	})
}

func (r *Room) notYet(d *device) *Fault {
	switch {
	case d.state == deviceDone:
		return badDevice()
	case !r.o.Now().Before(db.Time(d.expires)):
		return fault("expired_token", "The device_code has expired. Start anew.")
	case d.state == deviceDenied:
		return fault("access_denied", "The person has denied the request.")
	case d.state == deviceAllowed:
		return nil
	}
	if ok, _ := r.o.Limit.Allow("device poll "+strconv.FormatInt(d.id, 10), pace(), 1); !ok {
		f := fault("slow_down", "Too many requests have been made in the same timeframe.")
		f.Interval = slowInterval
		return f
	}
	return fault("authorization_pending", "The authorization request is still pending.")
}
