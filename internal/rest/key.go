package rest

import (
	"net/http"

	"jeton/internal/account"
	"jeton/internal/id"
	"jeton/internal/pubkey"
	"jeton/internal/right"
	"jeton/internal/signature"
)

func (d *Door) keyRoutes() []route {
	return []route{
		{get, "/user/ssh_signing_keys", right.SSHKeysRead, d.listOwnSSHKeys, "List SSH signing keys for the authenticated user", doc{query: "page per_page", out: []sshSigningKey{}}},
		{post, "/user/ssh_signing_keys", right.SSHKeysWrite, d.addSSHKey, "Create a SSH signing key for the authenticated user",
			doc{in: sshSigningKeyInput{}, out: sshSigningKey{}, code: http.StatusCreated}},
		{get, "/user/ssh_signing_keys/{ssh_signing_key_id}", right.SSHKeysRead, d.getSSHKey, "Get an SSH signing key for the authenticated user", doc{out: sshSigningKey{}}},
		{del, "/user/ssh_signing_keys/{ssh_signing_key_id}", right.SSHKeysDelete, d.deleteSSHKey, "Delete an SSH signing key for the authenticated user", doc{}},
		{get, "/users/{username}/ssh_signing_keys", right.SiteBrowse, d.listSSHKeys, "List SSH signing keys for a user", doc{query: "page per_page", out: []sshSigningKey{}}},
		{get, "/user/gpg_keys", right.GPGKeysRead, d.listOwnGPGKeys, "List GPG keys for the authenticated user", doc{query: "page per_page", out: []gpgKey{}}},
		{post, "/user/gpg_keys", right.GPGKeysWrite, d.addGPGKey, "Create a GPG key for the authenticated user", doc{in: gpgKeyInput{}, out: gpgKey{}, code: http.StatusCreated}},
		{get, "/user/gpg_keys/{gpg_key_id}", right.GPGKeysRead, d.getGPGKey, "Get a GPG key for the authenticated user", doc{out: gpgKey{}}},
		{del, "/user/gpg_keys/{gpg_key_id}", right.GPGKeysDelete, d.deleteGPGKey, "Delete a GPG key for the authenticated user", doc{}},
		{get, "/users/{username}/gpg_keys", right.SiteBrowse, d.listGPGKeys, "List GPG keys for a user", doc{query: "page per_page", out: []gpgKey{}}},
		{get, "/user/keys", right.SelfRead, d.listAccessKeys, "List public SSH keys for the authenticated user", doc{query: "page per_page", out: []accessKey{}}},
	}
}

// accessKey is a key to sign in with by SSH. There is no SSH here and so there are
// none, but "gh ssh-key list" asks for them before it shows signing keys.
type accessKey struct {
	ID        int64   `json:"id"`
	Key       string  `json:"key"`
	URL       string  `json:"url"`
	Title     string  `json:"title"`
	Verified  bool    `json:"verified"`
	CreatedAt *string `json:"created_at"`
	ReadOnly  bool    `json:"read_only"`
}

func (d *Door) listAccessKeys(*call) (any, error) { return []accessKey{}, nil }

type sshSigningKey struct {
	ID        int64  `json:"id"`
	Key       string `json:"key"`
	Title     string `json:"title"`
	CreatedAt string `json:"created_at"`
}

type sshSigningKeyInput struct {
	Title string `json:"title"`
	Key   string `json:"key"`
}

func (c *call) sshSigningKey(k *pubkey.Key) sshSigningKey {
	return sshSigningKey{ID: int64(k.ID), Key: k.Material, Title: k.Name, CreatedAt: moment(k.AddedAt)}
}

// gpgEmail is an address of a key's identities, and whether it is a verified one
// of the account.
type gpgEmail struct {
	Email    string `json:"email"`
	Verified bool   `json:"verified"`
}

// gpgSubkey is GitHub's form of a subkey.
type gpgSubkey struct {
	ID                int64      `json:"id"`
	PrimaryKeyID      int64      `json:"primary_key_id"`
	KeyID             string     `json:"key_id"`
	PublicKey         string     `json:"public_key"`
	Emails            []gpgEmail `json:"emails"`
	Subkeys           []struct{} `json:"subkeys"`
	CanSign           bool       `json:"can_sign"`
	CanEncryptComms   bool       `json:"can_encrypt_comms"`
	CanEncryptStorage bool       `json:"can_encrypt_storage"`
	CanCertify        bool       `json:"can_certify"`
	CreatedAt         string     `json:"created_at"`
	ExpiresAt         *string    `json:"expires_at"`
	RawKey            *string    `json:"raw_key"`
	Revoked           bool       `json:"revoked"`
}

type gpgKey struct {
	ID                int64       `json:"id"`
	Name              *string     `json:"name"`
	PrimaryKeyID      *int64      `json:"primary_key_id"`
	KeyID             string      `json:"key_id"`
	PublicKey         string      `json:"public_key"`
	Emails            []gpgEmail  `json:"emails"`
	Subkeys           []gpgSubkey `json:"subkeys"`
	CanSign           bool        `json:"can_sign"`
	CanEncryptComms   bool        `json:"can_encrypt_comms"`
	CanEncryptStorage bool        `json:"can_encrypt_storage"`
	CanCertify        bool        `json:"can_certify"`
	CreatedAt         string      `json:"created_at"`
	ExpiresAt         *string     `json:"expires_at"`
	Revoked           bool        `json:"revoked"`
	RawKey            *string     `json:"raw_key"`
}

type gpgKeyInput struct {
	Name             string `json:"name"`
	ArmoredPublicKey string `json:"armored_public_key"`
}

func (c *call) gpgKey(k *pubkey.Key, verified map[string]bool) gpgKey {
	out := gpgKey{ID: int64(k.ID), Name: optional(k.Name), KeyID: k.KeyID, PublicKey: k.Packet, Emails: []gpgEmail{}, Subkeys: []gpgSubkey{},
		CanSign: k.CanSign, CanEncryptComms: k.CanEncryptComms, CanEncryptStorage: k.CanEncryptStorage, CanCertify: k.CanCertify,
		CreatedAt: moment(k.CreatedAt), ExpiresAt: stamp(k.ExpiresAt), Revoked: k.Revoked, RawKey: optional(k.Material)}
	for _, m := range k.Emails {
		out.Emails = append(out.Emails, gpgEmail{Email: m, Verified: verified[account.EmailKey(m)]})
	}
	for _, s := range k.Subkeys {
		out.Subkeys = append(out.Subkeys, gpgSubkey{ID: int64(s.ID), PrimaryKeyID: out.ID, KeyID: s.KeyID, PublicKey: s.Packet, Emails: []gpgEmail{}, Subkeys: []struct{}{},
			CanSign: s.CanSign, CanEncryptComms: s.CanEncryptComms, CanEncryptStorage: s.CanEncryptStorage, CanCertify: s.CanCertify,
			CreatedAt: moment(s.CreatedAt), ExpiresAt: stamp(s.ExpiresAt), Revoked: s.Revoked})
	}
	return out
}

// verifiedEmails are the account's own addresses that are known to be so.
func (c *call) verifiedEmails(a id.Account) (map[string]bool, error) {
	list, err := c.door.o.Accounts.ListEmails(c.r.Context(), c.door.o.DB, a)
	out := make(map[string]bool, len(list))
	for _, e := range list {
		out[account.EmailKey(e.Address)] = e.Verified
	}
	return out, err
}

// keys lists a page of an account's keys.
func (c *call) keys(a id.Account, kind signature.Kind) ([]pubkey.Key, error) {
	page, perPage := c.page()
	list, total, err := c.door.o.PublicKeys.List(c.r.Context(), c.door.o.DB, a, kind, page, perPage)
	if err != nil {
		return nil, err
	}
	c.link(page, perPage, total)
	return list, nil
}

func (c *call) sshKeys(a id.Account) (any, error) {
	list, err := c.keys(a, signature.SSH)
	if err != nil {
		return nil, err
	}
	out := make([]sshSigningKey, len(list))
	for i := range list {
		out[i] = c.sshSigningKey(&list[i])
	}
	return out, nil
}

func (c *call) gpgKeys(a id.Account) (any, error) {
	list, err := c.keys(a, signature.OpenPGP)
	if err != nil {
		return nil, err
	}
	verified, err := c.verifiedEmails(a)
	if err != nil {
		return nil, err
	}
	out := make([]gpgKey, len(list))
	for i := range list {
		out[i] = c.gpgKey(&list[i], verified)
	}
	return out, nil
}

func (d *Door) listOwnSSHKeys(c *call) (any, error) { return c.sshKeys(c.actor.Account) }

func (d *Door) listOwnGPGKeys(c *call) (any, error) { return c.gpgKeys(c.actor.Account) }

func (d *Door) listSSHKeys(c *call) (any, error) {
	a, err := c.shownByLogin()
	if err != nil {
		return nil, err
	}
	return c.sshKeys(a.ID)
}

func (d *Door) listGPGKeys(c *call) (any, error) {
	a, err := c.shownByLogin()
	if err != nil {
		return nil, err
	}
	return c.gpgKeys(a.ID)
}

func (d *Door) addSSHKey(c *call) (any, error) {
	var in sshSigningKeyInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	k, err := d.o.PublicKeys.AddSSH(c.r.Context(), c.actor, c.actor.Account, in.Title, in.Key)
	if err != nil {
		return nil, err
	}
	return c.sshSigningKey(&k), nil
}

func (d *Door) addGPGKey(c *call) (any, error) {
	var in gpgKeyInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	k, err := d.o.PublicKeys.AddPGP(c.r.Context(), c.actor, c.actor.Account, in.Name, in.ArmoredPublicKey)
	if err != nil {
		return nil, err
	}
	verified, err := c.verifiedEmails(c.actor.Account)
	if err != nil {
		return nil, err
	}
	return c.gpgKey(&k, verified), nil
}

// ownKey is the key that the path names.
func (c *call) ownKey(name string, kind signature.Kind) (pubkey.Key, error) {
	key, ok := id.Parse[id.PublicKey](c.r.PathValue(name))
	if !ok {
		return pubkey.Key{}, errNotFound
	}
	return c.door.o.PublicKeys.Get(c.r.Context(), c.door.o.DB, c.actor.Account, kind, key)
}

func (d *Door) getSSHKey(c *call) (any, error) {
	k, err := c.ownKey("ssh_signing_key_id", signature.SSH)
	if err != nil {
		return nil, err
	}
	return c.sshSigningKey(&k), nil
}

func (d *Door) getGPGKey(c *call) (any, error) {
	k, err := c.ownKey("gpg_key_id", signature.OpenPGP)
	if err != nil {
		return nil, err
	}
	verified, err := c.verifiedEmails(c.actor.Account)
	if err != nil {
		return nil, err
	}
	return c.gpgKey(&k, verified), nil
}

func (d *Door) deleteSSHKey(c *call) (any, error) {
	return nil, c.deleteKey("ssh_signing_key_id", signature.SSH)
}

func (d *Door) deleteGPGKey(c *call) (any, error) {
	return nil, c.deleteKey("gpg_key_id", signature.OpenPGP)
}

func (c *call) deleteKey(name string, kind signature.Kind) error {
	key, ok := id.Parse[id.PublicKey](c.r.PathValue(name))
	if !ok {
		return errNotFound
	}
	_, err := c.door.o.PublicKeys.Delete(c.r.Context(), c.actor, c.actor.Account, kind, key)
	return err
}
