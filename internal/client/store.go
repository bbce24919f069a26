package client

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"jeton/internal/problem"
	"jeton/internal/secret"
)

// Keyring is the operating system's store of secrets.
type Keyring interface {
	Get(service, user string) (string, error)
	Set(service, user, password string) error
	Delete(service, user string) error
}

// account is what is known of a host where somebody is signed in. None of it is
// secret.
type account struct {
	Login     string    `json:"login"`
	Device    bool      `json:"device"`              // signed in here, so that signing out ends the token
	Keyring   bool      `json:"keyring"`             // where the secrets are
	Expires   time.Time `json:"expires,omitzero"`    // of the token
	Since     time.Time `json:"since,omitzero"`      // when the token came here
	Authority string    `json:"authority,omitempty"` // PEM of what was confirmed for the host
}

// credential is the secret part.
type credential struct {
	token, refresh secret.Value
	expires        time.Time // zero: never
	since          time.Time // when the token came here; zero: nobody knows
	rotation       string    // the key of a rotation whose answer did not come; empty: there is none
}

// kept is the form in which secrets are stored.
type kept struct {
	Token   string `json:"token"`
	Refresh string `json:"refresh,omitempty"`

	Rotation string `json:"rotation,omitempty"`
}

// store remembers accounts in one file, and their secrets in the keyring or in
// another file that its owner alone can read.
type store struct {
	dir     string
	keyring Keyring
}

const (
	accountsFile = "hosts.json"
	secretsFile  = "credentials.json"
	service      = "jeton"
)

// accounts are those of all hosts, by URL.
func (s *store) accounts() (map[string]account, error) {
	out := map[string]account{}
	return out, s.read(accountsFile, &out)
}

func (s *store) read(name string, v any) error {
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return problem.Wrap(err, problem.Invalid, "the file "+filepath.Join(s.dir, name)+" can't be read", "Remove it and sign in again with jeton login.")
	}
	return nil
}

// write replaces a file whole, readable by its owner alone.
func (s *store) write(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return s.failed(err)
	}
	f, err := os.CreateTemp(s.dir, name+".*") // mode 0600
	if err != nil {
		return s.failed(err)
	}
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.dir, name))
	}
	if err != nil {
		return s.failed(errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

func (s *store) failed(err error) error {
	return problem.Wrap(err, problem.Unavailable, "nothing can be remembered in "+s.dir+": "+err.Error(), "Make the folder writable.")
}

// save remembers an account with its secrets. Where there is no keyring, or it
// does not work, they go into the file.
func (s *store) save(host string, a account, c credential) (account, error) {
	text, err := json.Marshal(kept{c.token.Reveal(), c.refresh.Reveal(), c.rotation})
	if err != nil {
		return a, err
	}
	a.Expires, a.Since = c.expires, c.since
	a.Keyring = s.keyring != nil && s.keyring.Set(service, host, string(text)) == nil
	secrets := map[string]kept{}
	if err := s.read(secretsFile, &secrets); err != nil {
		return a, err
	}
	_, there := secrets[host]
	delete(secrets, host)
	if !a.Keyring {
		secrets[host] = kept{c.token.Reveal(), c.refresh.Reveal(), c.rotation}
	}
	if there || !a.Keyring {
		if err := s.write(secretsFile, secrets); err != nil {
			return a, err
		}
	}
	all, err := s.accounts()
	if err != nil {
		return a, err
	}
	all[host] = a
	return a, s.write(accountsFile, all)
}

// load returns the secrets of an account; ok is false when they are gone.
func (s *store) load(host string, a account) (c credential, ok bool, err error) {
	var k kept
	if a.Keyring {
		if s.keyring == nil {
			return c, false, nil
		}
		text, err := s.keyring.Get(service, host)
		if err != nil || json.Unmarshal([]byte(text), &k) != nil {
			return c, false, nil
		}
	} else {
		secrets := map[string]kept{}
		if err := s.read(secretsFile, &secrets); err != nil {
			return c, false, err
		}
		k = secrets[host]
	}
	c = credential{secret.New(k.Token), secret.New(k.Refresh), a.Expires, a.Since, k.Rotation}
	return c, !c.token.IsZero(), nil
}

// forget removes everything about a host.
func (s *store) forget(host string) error {
	all, err := s.accounts()
	if err != nil {
		return err
	}
	if a, ok := all[host]; ok && a.Keyring && s.keyring != nil {
		_ = s.keyring.Delete(service, host) // what is not there is gone
	}
	secrets := map[string]kept{}
	if err := s.read(secretsFile, &secrets); err != nil {
		return err
	}
	if _, there := secrets[host]; there {
		delete(secrets, host)
		if err := s.write(secretsFile, secrets); err != nil {
			return err
		}
	}
	delete(all, host)
	return s.write(accountsFile, all)
}
