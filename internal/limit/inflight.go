package limit

import "sync"

// InFlight counts the bytes of uploads that are under way, by key. With them,
// uploads side by side can't fill the same room twice, and none fills the disk
// with what will be refused at its end. The zero value is ready, and safe for
// concurrent use.
type InFlight[K comparable] struct {
	mu    sync.Mutex
	bytes map[K]int64 // guarded by mu
}

// Add counts n bytes more, or fewer, and returns how many there are.
func (f *InFlight[K]) Add(key K, n int64) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bytes == nil {
		f.bytes = map[K]int64{}
	}
	all := f.bytes[key] + n
	if f.bytes[key] = all; all == 0 {
		delete(f.bytes, key)
	}
	return all
}
