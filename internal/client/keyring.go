package client

import "github.com/zalando/go-keyring"

// System is the operating system's keyring: the Secret Service, the Keychain or
// the Credential Manager.
type System struct{}

// Get returns a secret.
func (System) Get(service, user string) (string, error) { return keyring.Get(service, user) }

// Set keeps a secret.
func (System) Set(service, user, password string) error { return keyring.Set(service, user, password) }

// Delete removes a secret.
func (System) Delete(service, user string) error { return keyring.Delete(service, user) }
