package gitstore

import (
	"errors"
	"io"
	"os"
	"time"

	"jeton/internal/gitstore/keep"
)

const (
	// pipeBytes is how much a git that makes a pack may be ahead of us: with the
	// kernel's own 64 KiB, the two wait for each other all the time.
	pipeBytes = 1 << 20
	// pieceBytes is how much of it is moved at a time.
	pieceBytes = 256 << 10
	// flushBelow is the size of a piece after which the source pauses.
	flushBelow = 16 << 10
	// gatherAfter is from which size of an answer on small pieces are gathered,
	// and gather for how long: git writes a pack in pieces of some KiB, and to
	// wake up for each takes more time than to move it. The pipe holds what
	// comes meanwhile, so git does not wait.
	gatherAfter = 64 << 10
	gather      = time.Millisecond
)

// pour moves what git writes to w: without reading it where w can take it from
// the pipe. It flushes whenever the source pauses, so that progress is seen as
// it happens and a large pack goes out in large pieces.
func pour(w io.Writer, r io.Reader) error {
	var sum int64
	pace := func(n int) {
		if sum += int64(n); sum > gatherAfter && n < pieceBytes {
			time.Sleep(gather)
		}
	}
	taker, ok := w.(keep.Taker)
	pipe, isFile := r.(*os.File)
	for ok && isFile {
		n, err := taker.Take(pipe, pieceBytes)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, keep.ErrUntaken):
			ok = false
		case err != nil:
			return err
		}
		pace(n)
	}
	return copyFlushing(w, r, pace)
}

// copyFlushing copies and flushes, and calls pace with the size of each piece.
func copyFlushing(w io.Writer, r io.Reader, pace func(n int)) error {
	flusher, _ := w.(interface{ Flush() })
	buf := make([]byte, pieceBytes)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return werr
			}
			if flusher != nil && n < flushBelow {
				flusher.Flush()
			}
			pace(n)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
