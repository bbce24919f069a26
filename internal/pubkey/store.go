package pubkey

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"jeton/internal/db"
	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/signature"
)

func checkName(field, s string) error {
	if len(s) > maxName || !utf8.ValidString(s) || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return problem.Field(field, fmt.Sprintf("%s is too long (maximum is %d bytes) or holds control characters", field, maxName))
	}
	return nil
}

func cut(s string) string {
	for len(s) > maxName {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// What a key is for, as bits of the column can.
const (
	canSign = 1 << iota
	canCertify
	canEncryptComms
	canEncryptStorage
)

func (k *Key) can() int {
	n := 0
	for bit, is := range map[int]bool{canSign: k.CanSign, canCertify: k.CanCertify, canEncryptComms: k.CanEncryptComms, canEncryptStorage: k.CanEncryptStorage} {
		if is {
			n |= bit
		}
	}
	return n
}

const columns = `k.id, k.parent_id, k.kind, k.name, k.key_id, k.fingerprint, k.material, k.packet, k.emails, k.can, k.revoked, k.created_at, k.expires_at, k.added_at`

type scanner interface{ Scan(dest ...any) error }

func scanKey(row scanner) (Key, error) {
	k, _, err := scanPart(row)
	return k, err
}

func scanPart(row scanner) (k Key, parent id.PublicKey, err error) {
	var emails string
	var can int
	var created, expires, added int64
	err = row.Scan(&k.ID, &parent, &k.Kind, &k.Name, &k.KeyID, &k.Fingerprint, &k.Material, &k.Packet, &emails, &can, &k.Revoked, &created, &expires, &added)
	k.Emails = strings.Fields(emails)
	k.CanSign, k.CanCertify, k.CanEncryptComms, k.CanEncryptStorage = can&canSign != 0, can&canCertify != 0, can&canEncryptComms != 0, can&canEncryptStorage != 0
	k.CreatedAt, k.ExpiresAt, k.AddedAt = db.Time(created), db.Time(expires), db.Time(added)
	return k, parent, err
}

func insert(ctx context.Context, tx *db.Tx, a id.Account, parent id.PublicKey, k Key, at time.Time) (id.PublicKey, error) {
	var out id.PublicKey
	err := tx.QueryRow(ctx, `
		INSERT INTO public_keys (account_id, parent_id, kind, name, key_id, fingerprint, material, packet, emails, can, revoked, created_at, expires_at, added_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id`,
		a, parent, string(k.Kind), k.Name, k.KeyID, k.Fingerprint, k.Material, k.Packet, strings.Join(k.Emails, "\n"), k.can(), k.Revoked,
		db.Micros(k.CreatedAt), db.Micros(k.ExpiresAt), db.Micros(at)).Scan(&out)
	if err != nil {
		return 0, fmt.Errorf("insert key: %w", err)
	}
	return out, nil
}

// subkeys adds the subkeys of OpenPGP keys, by one query for all.
func (r *Room) subkeys(ctx context.Context, read db.Reader, a id.Account, list []Key) error {
	if len(list) == 0 || list[0].Kind != signature.OpenPGP {
		return nil
	}
	rows, err := read.Query(ctx, `SELECT `+columns+` FROM public_keys k WHERE k.account_id = $1 AND k.parent_id > 0 ORDER BY k.id`, a)
	if err != nil {
		return fmt.Errorf("list subkeys: %w", err)
	}
	defer rows.Close()
	at := make(map[id.PublicKey]int, len(list))
	for i := range list {
		at[list[i].ID] = i
	}
	for rows.Next() {
		k, parent, err := scanPart(rows)
		if err != nil {
			return fmt.Errorf("list subkeys: %w", err)
		}
		if i, ok := at[parent]; ok {
			list[i].Subkeys = append(list[i].Subkeys, k)
		}
	}
	return rows.Err()
}
