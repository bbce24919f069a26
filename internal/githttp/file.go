package githttp

import (
	"context"
	"io"
	"math"
	"strconv"
	"time"
)

// SetSize says how long the whole answer will be. It is then sent as it is,
// instead of in chunks, which lets the kernel send a file by itself.
func (a *answer) SetSize(n int64) {
	if !a.began {
		a.w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	}
}

// piece is how much is sent between two looks at the client's pace.
const piece = 512 << 10

// throughMemory is how much of an answer a client's connection holds in memory
// when the kernel can't send it by itself: four TLS records.
const throughMemory = 64 << 10

// ReadFrom implements io.ReaderFrom: over plain HTTP/1.1 the kernel sends a
// file, otherwise large pieces go through memory. It ends with the permission to
// have the answer: unlike a program that makes one, a file goes on for ever.
func (a *answer) ReadFrom(r io.Reader) (int64, error) {
	a.begin()
	if _, ok := a.w.(io.ReaderFrom); !ok || a.large {
		return io.CopyBuffer(writerOnly{a}, allowed{r, a.lease.context()}, make([]byte, throughMemory))
	}
	left := int64(math.MaxInt64)
	if l, ok := r.(*io.LimitedReader); ok { // the kernel takes a file within one of these, not two
		r, left = l.R, l.N
	}
	var sum int64
	for sum < left {
		if err := context.Cause(a.lease.context()); err != nil {
			return sum, err
		}
		size := min(piece, left-sum)
		began := a.limit(int(size))
		n, err := io.Copy(a.w, &io.LimitedReader{R: r, N: size})
		sum += n
		a.pace.Moved(int(n), time.Since(began))
		if err != nil || n < size {
			return sum, err
		}
	}
	return sum, nil
}

// writerOnly hides what else a writer can.
type writerOnly struct{ io.Writer }

// allowed is a reader that ends with its context.
type allowed struct {
	io.Reader
	ctx context.Context
}

// Read implements io.Reader.
func (r allowed) Read(b []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}
