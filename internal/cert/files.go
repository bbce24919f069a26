package cert

import (
	"crypto/tls"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is how often a handshake looks whether the files changed.
const lookEvery = 2 * time.Second

// files is a certificate that somebody else keeps up to date in two files.
type files struct {
	o    Options
	pair atomic.Pointer[tls.Certificate]
	look atomic.Int64 // when to look again, in nanoseconds since 1970

	mu   sync.Mutex
	seen [2]fs.FileInfo // guarded by mu: what the files were when last read
}

func openFiles(o Options) (*files, error) {
	f := &files{o: o}
	seen, err := f.stat()
	if err != nil {
		return nil, unusable(err, "the certificate or its key cannot be read", "Check the paths in --tls-cert and --tls-key, and that this user may read both.")
	}
	pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
	if err != nil {
		return nil, unusable(err, "the certificate and its key cannot be used", "Both must be PEM files, the certificate with its chain, and the key must be the certificate's.")
	}
	if o.Host != "" && pair.Leaf.VerifyHostname(o.Host) != nil {
		o.Log.Warn("the certificate is not for the public URL's host: clients will refuse it", "host", o.Host, "names", pair.Leaf.DNSNames)
	}
	f.seen = seen
	f.pair.Store(&pair)
	f.look.Store(o.Now().Add(lookEvery).UnixNano())
	return f, nil
}

func (f *files) stat() (seen [2]fs.FileInfo, err error) {
	for i, path := range []string{f.o.CertFile, f.o.KeyFile} {
		if seen[i], err = os.Stat(path); err != nil {
			return seen, err
		}
	}
	return seen, nil
}

// get hands out the pair and reads the files again when they changed. A pair
// that cannot be used leaves the old one in place: the two files may be caught
// between their writing, and an old certificate is better than none.
func (f *files) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if f.o.Now().UnixNano() >= f.look.Load() && f.mu.TryLock() {
		f.reload()
		f.mu.Unlock()
	}
	return f.pair.Load(), nil
}

func (f *files) reload() {
	f.look.Store(f.o.Now().Add(lookEvery).UnixNano())
	seen, err := f.stat()
	if err == nil && same(seen[0], f.seen[0]) && same(seen[1], f.seen[1]) {
		return
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(f.o.CertFile, f.o.KeyFile)
	}
	if err != nil {
		f.o.Log.Error("the changed certificate cannot be used; the old one stays", "file", f.o.CertFile, "ends", f.pair.Load().Leaf.NotAfter, "err", err)
		return
	}
	f.seen = seen
	f.pair.Store(&pair)
	f.o.Log.Info("the certificate was read again", "file", f.o.CertFile, "ends", pair.Leaf.NotAfter)
}

func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
