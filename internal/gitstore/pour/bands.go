package pour

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"jeton/internal/gitstore/pktline"
)

const (
	// bandFrame is the size of a frame of a pack, with its head. Frames end at
	// multiples of it, so that whole pieces are written; see pieceBytes.
	bandFrame = 32 << 10
	bandHead  = 5
	// bandWait is how long what has come waits for what follows, and how often it
	// is looked whether anything has.
	bandWait = time.Second
	// bandSilence is after how many such waits the client is told that all is
	// well, as git does.
	bandSilence = 5
)

// Bands writes a pack, and what git says meanwhile, as the frames of
// side-band-64k (gitprotocol-pack(5)). One goroutine writes.
type Bands struct {
	out      io.Writer
	progress progress
	buf      []byte
	head     int   // bytes of buf that mean nothing without what follows
	written  int64 // before what is in buf
	open     int   // where in buf a frame of the pack begins that is not at its end; -1: none is
	wait     time.Duration
	waits    int // since anything was written
}

// NewBands writes to out, before the pack the head. Its pack comes by Pack, and End is
// called when git has ended well.
func NewBands(out io.Writer, head []byte) *Bands {
	b := &Bands{out: out, buf: make([]byte, 0, pieceBytes+2*bandFrame), head: len(head), open: -1, wait: bandWait}
	b.buf = append(b.buf, head...)
	return b
}

// progress takes what git says, for the goroutine that writes.
type progress struct {
	mu   sync.Mutex
	text []byte   // guarded by mu
	pipe *os.File // of the pack: who reads it is woken; guarded by mu
}

// Write implements io.Writer. It never fails.
func (p *progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = append(p.text, text...)
	if p.pipe != nil {
		_ = p.pipe.SetReadDeadline(time.Now())
	}
	return len(text), nil
}

// take returns what was said since, and has the next reading of the pipe wait so
// long at most.
func (p *progress) take(pipe *os.File, wait time.Duration) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := p.text
	p.text, p.pipe = nil, pipe
	return text, pipe.SetReadDeadline(time.Now().Add(wait))
}

// Progress takes what git says meanwhile, from any goroutine.
func (b *Bands) Progress() io.Writer { return &b.progress }

// Pack writes what comes from the pipe, to its end.
func (b *Bands) Pack(pipe *os.File) error {
	Widen(pipe)
	if err := b.pause(pipe); err != nil {
		return err
	}
	for {
		if len(b.buf) == 0 && b.written >= gatherAfter {
			awaitMore(pipe, pieceBytes)
		}
		n, err := pipe.Read(b.space())
		if werr := b.took(n); werr != nil {
			return werr
		}
		switch {
		case errors.Is(err, io.EOF):
			b.close()
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = b.pause(pipe)
		}
		if err != nil {
			return err
		}
	}
}

// space returns where the next bytes of the pack go.
func (b *Bands) space() []byte {
	if b.open < 0 {
		b.open = len(b.buf)
		b.buf = append(b.buf, "0000"+string(rune(pktline.BandData))...)
	}
	return b.buf[len(b.buf):b.limit()]
}

// limit is where in buf the open frame ends at the latest.
func (b *Bands) limit() int {
	left := bandFrame - int((b.written+int64(b.open))%bandFrame)
	if left <= bandHead {
		left += bandFrame
	}
	return b.open + left
}

// took counts n bytes that were put into space.
func (b *Bands) took(n int) error {
	b.buf = b.buf[:len(b.buf)+n]
	if len(b.buf) == b.limit() {
		b.close()
		if len(b.buf) >= pieceBytes || (b.written+int64(len(b.buf)))%pieceBytes == 0 {
			return b.write()
		}
	}
	return nil
}

// close ends the open frame.
func (b *Bands) close() {
	if b.open < 0 {
		return
	}
	if len(b.buf) == b.open+bandHead {
		b.buf = b.buf[:b.open]
	} else {
		pktline.Frame(b.buf, b.open)
	}
	b.open = -1
}

// pause writes what there is, so that it is seen as it happens, and now and then
// that all is well when there is nothing.
func (b *Bands) pause(pipe *os.File) error {
	b.close()
	text, err := b.progress.take(pipe, b.wait)
	if err != nil {
		return err
	}
	b.buf = pktline.AppendBand(b.buf, pktline.BandProgress, pktline.BandSize, text)
	if len(b.buf) == b.head {
		// Until there is more, a git that fails is one that has not answered.
		if b.waits++; b.waits < bandSilence {
			return nil
		}
		b.buf = append(b.buf, "0005"+string(rune(pktline.BandData))...)
	}
	if err := b.write(); err != nil {
		return err
	}
	if f, ok := b.out.(interface{ Flush() }); ok {
		f.Flush()
	}
	return nil
}

func (b *Bands) write() error {
	n, err := b.out.Write(b.buf)
	b.written += int64(n)
	b.buf, b.head, b.waits = b.buf[:0], 0, 0
	return err
}

// End writes what is left, when git has said its last.
func (b *Bands) End() error {
	b.progress.mu.Lock()
	defer b.progress.mu.Unlock()
	b.buf = pktline.AppendBand(b.buf, pktline.BandProgress, pktline.BandSize, b.progress.text)
	b.buf = pktline.AppendFlush(b.buf)
	return b.write()
}
