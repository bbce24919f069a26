package fetch

import (
	"io"

	"jeton/internal/gitstore/pktline"
	"jeton/internal/gitstore/wire"
	"jeton/internal/right"
)

// maxLine is how long a line of side-band may be, whose frames have a thousand bytes.
const maxLine = 900

// nagging returns w, or what puts a line before the first frame of the pack in an
// answer to the actor: what is kept of the answer has none of it. Most tokens cost one
// comparison. It says nothing to who wants no progress, or has no band for it.
func (f *Flow) nagging(actor *right.Actor, want *wire.Fetch, v wire.Version, w io.Writer) io.Writer {
	line := f.o.Gate.Nag(actor)
	if line == "" || len(line) > maxLine || want.Has("no-progress") || v != wire.V2 && !want.Caps.Has("side-band-64k") && !want.Caps.Has("side-band") {
		return w
	}
	return &inserting{w: w, frame: pktline.AppendBand(nil, pktline.BandProgress, pktline.BandSize, []byte(line+"\n")), done: func() { f.o.Gate.Nagged(actor) }}
}

// inserting passes an answer on, with one frame more before the first one of a band. It
// has no size, since whether there is such a frame is not known before.
type inserting struct {
	w     io.Writer
	frame []byte // nil once it was sent, or can't be
	done  func()

	head []byte // the first bytes of a frame: its length, and what may be its band
	left int    // of the frame under way, after its head
}

// Write implements io.Writer.
func (i *inserting) Write(b []byte) (int, error) {
	total := len(b)
	for len(b) > 0 && i.frame != nil {
		n := min(len(b), i.left)
		if n == 0 {
			i.head, b = append(i.head, b[0]), b[1:]
			if err := i.look(); err != nil {
				return 0, err
			}
			continue
		}
		if _, err := i.w.Write(b[:n]); err != nil {
			return 0, err
		}
		i.left -= n
		b = b[n:]
	}
	if len(b) > 0 {
		if _, err := i.w.Write(b); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// look passes a head on when it is known what it begins.
func (i *inserting) look() error {
	if len(i.head) < 4 {
		return nil
	}
	n, ok := pktline.Length(i.head)
	switch {
	case !ok: // no frames at all
		i.frame = nil
	case n > 4 && len(i.head) == 4:
		return nil // what it is stands in the next byte
	case n > 4 && i.head[4] <= byte(pktline.BandError):
		frame := i.frame
		i.frame = nil
		if _, err := i.w.Write(frame); err != nil {
			return err
		}
		i.done()
	case n > 4:
		i.left = n - 5
	}
	_, err := i.w.Write(i.head)
	i.head = i.head[:0]
	return err
}

// ReadFrom implements io.ReaderFrom: behind the pack's first frame a file goes out
// without passing through here.
func (i *inserting) ReadFrom(r io.Reader) (int64, error) {
	var sum int64
	buf := make([]byte, 1024)
	for i.frame != nil {
		n, err := r.Read(buf)
		sum += int64(n)
		if _, werr := i.Write(buf[:n]); werr != nil {
			return sum, werr
		}
		if err == io.EOF {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
	}
	n, err := io.Copy(i.w, r)
	return sum + n, err
}

// Flush sends what was written so far.
func (i *inserting) Flush() {
	if f, ok := i.w.(interface{ Flush() }); ok {
		f.Flush()
	}
}
