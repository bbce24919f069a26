package wire

import "io"

// Body is an answer that is known whole before its first byte is sent. The
// bytes must not be changed: many requests share them.
type Body struct {
	Plain []byte
	// Gzip returns the same, compressed, made once for all who ask. Nil: it is
	// too small to be worth it.
	Gzip func() []byte
}

// whole is a writer that can say of an answer how long it is, and send it
// compressed to who accepts that.
type whole interface{ WriteBody(Body) error }

// WriteBody sends a whole answer to w: as it likes it best, if it is the writer
// of a door, and plainly otherwise.
func WriteBody(w io.Writer, b Body) error {
	if d, ok := w.(whole); ok {
		return d.WriteBody(b)
	}
	_, err := w.Write(b.Plain)
	return err
}
