package run

import "io"

// Reader reads what a git writes, and fails where it did.
type Reader struct {
	p     *Process
	done  func()
	ended bool
}

// NewReader reads what p writes. Close ends it and calls done.
func NewReader(p *Process, done func()) *Reader { return &Reader{p: p, done: done} }

// Read reads on. At the end it looks at how git ended.
func (a *Reader) Read(b []byte) (int, error) {
	if a.ended {
		return 0, io.EOF
	}
	n, err := a.p.Stdout.Read(b)
	if err == nil || n > 0 {
		return n, nil
	}
	a.ended = true
	if werr := a.p.Wait(); werr != nil {
		return 0, werr
	}
	return 0, io.EOF
}

// Close ends the process.
func (a *Reader) Close() error {
	if !a.ended {
		a.p.Stop()
		a.ended = true
	}
	a.done()
	return nil
}
