// Package pubkey is the room of accounts' public keys: SSH signing keys and
// OpenPGP keys, and the verdict whether a commit or tag was signed by one of
// them. It writes the table public_keys, and it alone. A key opens no door: it
// says who signed, never what somebody may do.
package pubkey

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"jeton/internal/account"
	"jeton/internal/audit"
	"jeton/internal/change"
	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/right"
	"jeton/internal/signature"
)

// maxKeys is how many keys of a kind an account may have, subkeys not counted.
const maxKeys = 100

// maxName is how long a key's name may be, in bytes.
const maxName = 255

// Key is one key of an account, or a subkey of one.
type Key struct {
	ID          id.PublicKey
	Kind        signature.Kind
	Name        string
	KeyID       string // a fingerprint for SSH, 16 hexadecimal digits for OpenPGP
	Fingerprint string
	Material    string // the key's text; empty for a subkey
	Packet      string // OpenPGP: the public key alone, in base64
	Emails      []string
	Revoked     bool
	CreatedAt   time.Time // by the key itself; for SSH, as AddedAt
	ExpiresAt   time.Time // zero: never
	AddedAt     time.Time
	Subkeys     []Key

	CanSign, CanCertify, CanEncryptComms, CanEncryptStorage bool
}

// Options is what the room needs. DB, Account, Change and Audit are required.
type Options struct {
	DB      *db.DB
	Account *account.Room
	Change  *change.Bus
	Audit   *audit.Log
	Now     func() time.Time // nil: time.Now
}

// Room keeps keys and checks signatures. It may be used from many goroutines.
type Room struct {
	o     Options
	known known
}

// New makes the room. An account's keys end with the account.
func New(o Options) *Room {
	if o.DB == nil || o.Account == nil || o.Change == nil || o.Audit == nil {
		panic("pubkey: New without a required option")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Room{o: o}
	r.known.entries = map[knownKey]signature.Outcome{}
	o.Account.WhenEnding(func(ctx context.Context, tx *db.Tx, a id.Account, e account.Ending) error {
		if e != account.Deleted {
			return nil
		}
		if _, err := tx.Exec(ctx, `DELETE FROM public_keys WHERE account_id = $1`, a); err != nil {
			return fmt.Errorf("remove the keys of account %d: %w", a, err)
		}
		return nil
	})
	return r
}

// AddSSH gives the account an SSH signing key. Without a title it is called by
// the key's comment. It fails with problem.Invalid on the fields title and key.
func (r *Room) AddSSH(ctx context.Context, actor right.Actor, a id.Account, title, text string) (Key, error) {
	parsed, err := signature.ParseSSHKey(text)
	if err != nil {
		return Key{}, err
	}
	k := Key{Kind: signature.SSH, Name: title, KeyID: parsed.Fingerprint, Fingerprint: parsed.Fingerprint, Material: parsed.Text, CanSign: true, CreatedAt: r.o.Now()}
	if k.Name == "" {
		k.Name = cut(parsed.Comment)
	}
	if k.Name == "" {
		k.Name = "SSH signing key"
	}
	if err := checkName("title", k.Name); err != nil {
		return Key{}, err
	}
	return r.add(ctx, actor, a, k, problem.Field("key", "key is already in use"))
}

// AddPGP gives the account an OpenPGP key. It fails with problem.Invalid on the
// fields name, armored_public_key and key_id.
func (r *Room) AddPGP(ctx context.Context, actor right.Actor, a id.Account, name, armoured string) (Key, error) {
	if err := checkName("name", name); err != nil {
		return Key{}, err
	}
	parsed, err := signature.ParsePGPKey(armoured)
	if err != nil {
		return Key{}, err
	}
	k := ofPart(parsed.PGPPart)
	k.Name, k.Material, k.Emails = name, parsed.Raw, parsed.Emails
	for _, part := range parsed.Subkeys {
		k.Subkeys = append(k.Subkeys, ofPart(part))
	}
	return r.add(ctx, actor, a, k, problem.Field("key_id", "key_id already exists"))
}

func ofPart(p signature.PGPPart) Key {
	return Key{Kind: signature.OpenPGP, KeyID: p.KeyID, Fingerprint: p.Fingerprint, Packet: p.Packet, Revoked: p.Revoked, CreatedAt: p.Created, ExpiresAt: p.Expires,
		CanSign: p.CanSign, CanCertify: p.CanCertify, CanEncryptComms: p.CanEncryptComms, CanEncryptStorage: p.CanEncryptStorage}
}

// add stores a key, unless the account has it: others may have it as well, since
// anybody can copy a public key, and nobody shall keep another from theirs.
func (r *Room) add(ctx context.Context, actor right.Actor, a id.Account, k Key, taken error) (Key, error) {
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		owner, err := r.o.Account.ByID(ctx, tx, a)
		if err != nil {
			return err
		}
		var n, same int
		err = tx.QueryRow(ctx, `
			SELECT COUNT(*), COALESCE(SUM(CASE WHEN fingerprint = $3 THEN 1 ELSE 0 END), 0) FROM public_keys
			WHERE account_id = $1 AND kind = $2 AND parent_id = 0`, a, string(k.Kind), k.Fingerprint).Scan(&n, &same)
		if err != nil {
			return fmt.Errorf("count keys: %w", err)
		}
		if same > 0 {
			return taken
		}
		if n >= maxKeys {
			return problem.Newf(problem.Invalid, "An account can have %d keys of this kind. Delete one first.", maxKeys)
		}
		k.AddedAt = r.o.Now().UTC().Truncate(time.Microsecond)
		if k.ID, err = insert(ctx, tx, a, 0, k, k.AddedAt); err != nil {
			return err
		}
		for i := range k.Subkeys {
			k.Subkeys[i].AddedAt = k.AddedAt
			if k.Subkeys[i].ID, err = insert(ctx, tx, a, k.ID, k.Subkeys[i], k.AddedAt); err != nil {
				return err
			}
		}
		return r.record(ctx, tx, actor, a, k, ".create", owner.Login)
	})
	if db.IsUnique(err) { // somebody was quicker
		err = taken
	}
	return k, err
}

func (r *Room) record(ctx context.Context, tx *db.Tx, actor right.Actor, a id.Account, k Key, what, login string) error {
	action := "git_signing_ssh_public_key"
	if k.Kind == signature.OpenPGP {
		action = "gpg_key"
	}
	return r.o.Audit.Record(ctx, tx, audit.Entry{Action: action + what, Actor: actor, Account: a, Target: login,
		Detail: map[string]string{"name": k.Name, "fingerprint": k.Fingerprint}})
}

// Delete takes a key away from the account, with its subkeys, and returns it. It
// fails with problem.NotFound, for another's key and a subkey as well.
func (r *Room) Delete(ctx context.Context, actor right.Actor, a id.Account, kind signature.Kind, key id.PublicKey) (Key, error) {
	var k Key
	err := r.o.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if k, err = r.Get(ctx, tx, a, kind, key); err != nil {
			return err
		}
		owner, err := r.o.Account.ByID(ctx, tx, a)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM public_keys WHERE account_id = $1 AND (id = $2 OR parent_id = $2)`, a, key); err != nil {
			return fmt.Errorf("delete key: %w", err)
		}
		return r.record(ctx, tx, actor, a, k, ".delete", owner.Login)
	})
	return k, err
}

// Get returns a key of the account with its subkeys, or problem.NotFound.
func (r *Room) Get(ctx context.Context, read db.Reader, a id.Account, kind signature.Kind, key id.PublicKey) (Key, error) {
	k, err := scanKey(read.QueryRow(ctx, `SELECT `+columns+` FROM public_keys k WHERE k.id = $1 AND k.account_id = $2 AND k.kind = $3 AND k.parent_id = 0`, key, a, string(kind)))
	if errors.Is(err, sql.ErrNoRows) {
		return Key{}, problem.New(problem.NotFound, "There is no such key.", "")
	}
	if err != nil {
		return Key{}, fmt.Errorf("read key: %w", err)
	}
	one := []Key{k}
	err = r.subkeys(ctx, read, a, one)
	return one[0], err
}

// List returns a page of the account's keys of a kind, in the order in which
// they were added, and how many there are. An account has a hundred at most.
func (r *Room) List(ctx context.Context, read db.Reader, a id.Account, kind signature.Kind, page, perPage int) (list []Key, total int, err error) {
	rows, err := read.Query(ctx, `SELECT `+columns+` FROM public_keys k WHERE k.account_id = $1 AND k.kind = $2 AND k.parent_id = 0 ORDER BY k.id`, a, string(kind))
	if err != nil {
		return nil, 0, fmt.Errorf("list keys: %w", err)
	}
	defer rows.Close()
	for ; rows.Next(); total++ {
		if total < (page-1)*perPage || total >= page*perPage {
			continue
		}
		k, err := scanKey(rows)
		if err != nil {
			return nil, 0, fmt.Errorf("list keys: %w", err)
		}
		list = append(list, k)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, 0, fmt.Errorf("list keys: %w", err)
	}
	return list, total, r.subkeys(ctx, read, a, list)
}
