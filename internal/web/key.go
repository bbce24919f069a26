package web

import (
	"strings"

	"jeton/internal/id"
	"jeton/internal/problem"
	"jeton/internal/pubkey"
	"jeton/internal/signature"
)

const keysPath = "/settings/keys"

// keyWords is how pages speak of a kind of key.
type keyWords struct{ Path, Title, Noun string }

func wordsFor(kind signature.Kind) keyWords {
	if kind == signature.OpenPGP {
		return keyWords{Path: "/settings/gpg", Title: "Add a GPG key", Noun: "GPG key"}
	}
	return keyWords{Path: "/settings/ssh", Title: "Add an SSH signing key", Noun: "SSH signing key"}
}

// maxKeysShown is more than an account can have of a kind.
const maxKeysShown = 1000

func (c *call) keyRows(kind signature.Kind) ([]keyRow, error) {
	list, _, err := c.door.o.PublicKeys.List(c.ctx(), c.door.o.DB, c.actor.Account, kind, 1, maxKeysShown)
	if err != nil {
		return nil, err
	}
	rows := make([]keyRow, len(list))
	for i := range list {
		rows[i] = c.keyRow(&list[i])
	}
	return rows, nil
}

func (c *call) keyRow(k *pubkey.Key) keyRow {
	row := keyRow{Name: line(k.Name), Print: k.Fingerprint, Added: k.AddedAt, Revoked: k.Revoked, Until: k.ExpiresAt,
		Expired: !k.ExpiresAt.IsZero() && c.door.o.Now().After(k.ExpiresAt), DeleteHref: wordsFor(k.Kind).Path + "/" + id.Text(k.ID) + "/delete"}
	if k.Kind == signature.OpenPGP {
		row.Print = k.KeyID
		for _, s := range k.Subkeys {
			row.Subkeys = append(row.Subkeys, s.KeyID)
		}
		for _, m := range k.Emails {
			row.Emails = append(row.Emails, line(m))
		}
		if row.Name == "" {
			row.Name = strings.Join(row.Emails, ", ")
		}
	}
	if row.Name == "" {
		row.Name = row.Print
	}
	return row
}

func keySettings(c *call) error {
	ssh, err := c.keyRows(signature.SSH)
	if err != nil {
		return err
	}
	gpg, err := c.keyRows(signature.OpenPGP)
	if err != nil {
		return err
	}
	return c.show("set-keys", &keysPage{Frame: settingsFrame("SSH and GPG keys", keysPath), SSH: ssh, GPG: gpg, Login: c.actor.Login})
}

func newKeyPage(kind signature.Kind) *keyForm {
	w := wordsFor(kind)
	return &keyForm{Frame: settingsFrame(w.Title, keysPath), Words: w, GPG: kind == signature.OpenPGP}
}

func newKeyForm(kind signature.Kind) handler {
	return func(c *call) error { return c.show("set-key-new", newKeyPage(kind)) }
}

func addKey(kind signature.Kind) handler {
	return func(c *call) error {
		p := newKeyPage(kind)
		p.Name, p.Text = c.field("name"), c.field("key")
		add := c.door.o.PublicKeys.AddSSH
		if kind == signature.OpenPGP {
			add = c.door.o.PublicKeys.AddPGP
		}
		k, err := add(c.ctx(), c.actor, c.actor.Account, p.Name, p.Text)
		if err != nil {
			return c.again(onForm(err), "set-key-new", p)
		}
		return c.done("Added the "+p.Words.Noun+" "+c.keyRow(&k).Name+".", keysPath)
	}
}

// onForm gives an error the name that the field has on the page: the rooms speak
// of the API's.
func onForm(err error) error {
	e := problem.Of(err)
	var field string
	text := e.Public
	switch e.Field {
	case "title":
		field = "name"
	case "armored_public_key", "key", "key_id":
		field = "key"
	default:
		return err
	}
	switch e.Public {
	case "key is already in use", "key_id already exists":
		text = "You have added this key already"
	case "key is invalid. You must supply a key in OpenSSH public key format":
		text = "This is no public key in OpenSSH's format. It begins with ssh-ed25519, ecdsa-sha2-nistp256, ssh-rsa or the like"
	}
	return &problem.Error{Kind: e.Kind, Field: field, Public: text, Remedy: e.Remedy, Err: err}
}

func (c *call) ownKey(kind signature.Kind) (pubkey.Key, error) {
	key, err := pathID[id.PublicKey](c, "key")
	if err != nil {
		return pubkey.Key{}, err
	}
	return c.door.o.PublicKeys.Get(c.ctx(), c.door.o.DB, c.actor.Account, kind, key)
}

func deleteKeyForm(kind signature.Kind) handler {
	return func(c *call) error {
		k, err := c.ownKey(kind)
		if err != nil {
			return err
		}
		w, row := wordsFor(kind), c.keyRow(&k)
		return c.show("confirm", &confirmPage{Frame: settingsFrame("Delete key", keysPath), Heading: "Delete the " + w.Noun + " " + row.Name + "?",
			Action: row.DeleteHref, Button: "I understand, delete this key", Back: keysPath,
			Consequences: []string{"Commits and tags that were signed with it are no longer shown as verified.", "If you add the key again, they are verified again."}})
	}
}

func deleteKey(kind signature.Kind) handler {
	return func(c *call) error {
		k, err := c.ownKey(kind)
		if err != nil {
			return err
		}
		if _, err := c.door.o.PublicKeys.Delete(c.ctx(), c.actor, c.actor.Account, kind, k.ID); err != nil {
			return err
		}
		return c.done("Deleted the "+wordsFor(kind).Noun+" "+c.keyRow(&k).Name+".", keysPath)
	}
}

// exportKeys answers /LOGIN.gpg with everything that "gpg --import" needs, as
// GitHub does.
func (c *call) exportKeys(login string) error {
	who, err := c.door.o.Accounts.ByLogin(c.ctx(), c.door.o.DB, login)
	if problem.Is(err, problem.NotFound) {
		return errMissing()
	}
	if err != nil {
		return err
	}
	list, _, err := c.door.o.PublicKeys.List(c.ctx(), c.door.o.DB, who.ID, signature.OpenPGP, 1, maxKeysShown)
	if err != nil {
		return err
	}
	var b strings.Builder
	for i := range list {
		b.WriteString(strings.TrimSpace(list[i].Material) + "\n")
	}
	if len(list) == 0 {
		b.WriteString("This user has not added any GPG keys.\n")
	}
	c.writeWithin(pageWrite)
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = c.w.Write([]byte(b.String())) // a reader who went away is no error of ours
	return nil
}
