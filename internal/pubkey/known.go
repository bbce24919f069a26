package pubkey

import (
	"sync"

	"jeton/internal/id"
	"jeton/internal/signature"
)

// maxKnown bounds the memory of what was checked. An entry is about 150 bytes.
const maxKnown = 1 << 16

// knownKey is an object that was checked, and by which key.
type knownKey struct {
	object string
	key    id.PublicKey
}

// known keeps what came of checking signatures. Whose the keys are, and what
// addresses are verified, is asked each time: nothing here can grow old.
type known struct {
	mu      sync.RWMutex
	entries map[knownKey]signature.Outcome // guarded by mu
}

func (k *known) get(key knownKey) (signature.Outcome, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	o, ok := k.entries[key]
	return o, ok
}

func (k *known) put(key knownKey, o signature.Outcome) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.entries) >= maxKnown {
		for old := range k.entries { // any one will do: it is checked again when asked for
			delete(k.entries, old)
			break
		}
	}
	k.entries[key] = o
}
