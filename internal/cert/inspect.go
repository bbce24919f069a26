package cert

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"jeton/internal/problem"
)

// State is what Inspect found.
type State struct {
	Names  []string
	Ends   time.Time
	Wrong  string // what is wrong; empty if nothing is
	Remedy string
}

// Inspect looks at the certificate that a server with these options uses,
// without making or changing anything.
func Inspect(o Options) State {
	if o.Now == nil {
		o.Now = time.Now
	}
	c, err := current(o)
	switch {
	case errors.Is(err, fs.ErrNotExist) && o.Mode == Local:
		return State{Wrong: "there is no certificate yet", Remedy: "Start the server once: it makes one."}
	case err != nil:
		return State{Wrong: "the certificate cannot be read: " + err.Error(), Remedy: readRemedy(o.Mode)}
	}
	s := State{Ends: c.NotAfter, Names: append([]string(nil), c.DNSNames...)}
	for _, ip := range c.IPAddresses {
		s.Names = append(s.Names, ip.String())
	}
	now := o.Now()
	switch {
	case now.After(c.NotAfter):
		s.Wrong = "the certificate ended on " + c.NotAfter.UTC().Format(time.DateOnly)
	case now.Before(c.NotBefore):
		s.Wrong = "the certificate is not valid before " + c.NotBefore.UTC().Format(time.DateOnly)
	case now.Add(soon).After(c.NotAfter):
		s.Wrong = "the certificate ends on " + c.NotAfter.UTC().Format(time.DateOnly)
	case o.Host != "" && c.VerifyHostname(o.Host) != nil:
		s.Wrong = "the certificate is not for " + o.Host
	default:
		return s
	}
	s.Remedy = renewRemedy(o.Mode)
	return s
}

// ReadAuthority returns the local authority that is kept in dir, without making
// one. It fails with problem.NotFound when there is none.
func ReadAuthority(dir string) (Authority, error) {
	path := filepath.Join(dir, authorityFile)
	c, err := readCertificate(path)
	if err != nil {
		return Authority{}, problem.Wrap(err, problem.NotFound, "there is no local certificate authority yet", "Start the server once: it makes one.")
	}
	return describe(path, c), nil
}

func current(o Options) (*x509.Certificate, error) {
	switch o.Mode {
	case Files:
		f, err := openFiles(o)
		if err != nil {
			return nil, err
		}
		return f.pair.Load().Leaf, nil
	case ACME:
		return acmeCertificate(o.Dir, o.Host)
	}
	pair, err := readPair(filepath.Join(o.Dir, leafFile))
	if err != nil {
		return nil, err
	}
	return pair.Leaf, nil
}

func readRemedy(m Mode) string {
	switch m {
	case Files:
		return "Check the paths in --tls-cert and --tls-key, that both are PEM and belong together, and that this user may read both."
	case ACME:
		return "Start the server with its name pointing at this machine and port 443 reachable; its log says what the authority answered."
	}
	return "Start the server: it makes a new certificate."
}

func renewRemedy(m Mode) string {
	switch m {
	case Files:
		return "Put a new certificate for the public URL's host into the same files; the running server reads them by itself."
	case ACME:
		return "The server renews it by itself; its log says why it could not. Check that port 443 is reachable and the clock is right."
	}
	return "The running server renews it by itself; start it, and check the machine's clock."
}

func firstCertificate(b []byte) (*x509.Certificate, error) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return nil, errors.New("no certificate in the file")
		}
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
}
