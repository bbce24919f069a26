package keep

import (
	"context"
	"io"
	"os"
	"sync"
)

// bufferBytes is how much is read at a time of an answer that is being made.
const bufferBytes = 256 << 10

// Reader reads one answer, once, for one client.
type Reader struct {
	cache  *Cache
	file   *os.File // of a whole answer
	size   int64
	flight *flight // of one that is being made
	at     int64   // how far it came in that; guarded by flight.mu
	late   bool    // others wait for it no longer; guarded by flight.mu
	closed sync.Once
}

// Sizer is a writer that wants to know how much will be written.
type Sizer interface{ SetSize(n int64) }

// Send writes the answer to w, to which it says how long it is if that is
// known. A whole answer goes through w's ReadFrom when it has one, as a file
// that the kernel can send by itself. An error of w's or of ctx is returned as
// it is, and otherwise the one with which the making ended.
func (r *Reader) Send(ctx context.Context, w io.Writer) error {
	if r.flight != nil {
		return r.follow(ctx, w)
	}
	if s, ok := w.(Sizer); ok {
		s.SetSize(r.size)
	}
	n, err := io.Copy(w, io.LimitReader(r.file, r.size))
	if err == nil && n < r.size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Close lets go of the answer. It may be called more than once.
func (r *Reader) Close() {
	r.closed.Do(func() {
		if r.file != nil {
			_ = r.file.Close()
		}
		if r.flight != nil {
			r.flight.part(r)
		}
	})
}

// follow writes what there is and waits for more, until the end.
func (r *Reader) follow(ctx context.Context, w io.Writer) error {
	flusher, _ := w.(interface{ Flush() })
	buf := r.cache.buffers.Get().(*[]byte)
	defer r.cache.buffers.Put(buf)
	f := r.flight
	last := 0
	for {
		// However much there is to send: the permission to have it may have ended.
		if err := context.Cause(ctx); err != nil {
			return err
		}
		b, wait, end, err := r.next(*buf)
		if end || err != nil {
			return err
		}
		if wait != nil {
			// The maker pauses: what there is, progress for instance, is sent.
			// After a large piece only the end of its frame waits in a buffer.
			if flusher != nil && last < bufferBytes/8 {
				flusher.Flush()
			}
			select {
			case <-wait:
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		last = len(b)
		f.mu.Lock()
		r.at += int64(len(b))
		if f.spilled {
			f.tell()
		}
		f.mu.Unlock()
	}
}

// next returns the next piece, or what to wait for, or the end.
func (r *Reader) next(buf []byte) (b []byte, wait <-chan struct{}, end bool, err error) {
	f := r.flight
	f.mu.Lock()
	file, left := f.file, f.size-r.at
	switch {
	case r.late:
		end, err = true, errLate
	case left > 0:
		f.mu.Unlock()
		b = buf[:min(left, int64(len(buf)))]
		if _, err = file.ReadAt(b, r.at); err != nil {
			return nil, nil, true, err
		}
		return b, nil, false, nil
	case r.at < f.end:
		// A copy: who is not waited for any more must not see what comes into the
		// maker's memory next.
		b = buf[:copy(buf, f.tail[r.at-f.tailAt:])]
	case f.done:
		end, err = true, f.err
	default:
		wait = f.moved
	}
	f.mu.Unlock()
	return b, wait, end, err
}
