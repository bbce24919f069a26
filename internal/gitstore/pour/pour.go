// Package pour moves what git writes to who asked for it: in large pieces, as it comes,
// without reading it where it need not.
package pour

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
	// pieceBytes is how much of it is moved at a time. Whole pieces, at
	// multiples of their size, also make large pages of the kernel's memory of
	// the file, from which it sends a file for a third of what it costs from
	// pages of 4 KiB.
	pieceBytes = 256 << 10
	// flushBelow is the size of a piece after which the source pauses.
	flushBelow = 16 << 10
	// gatherAfter is from which size of an answer on small pieces are gathered:
	// git writes a pack in pieces of some KiB, and to wake up for each takes
	// more time than to move it. The pipe holds what comes meanwhile, so git
	// does not wait.
	gatherAfter = 64 << 10
	// gatherStep is how long it is waited for more, again and again while more
	// comes, gatherSteps times at most.
	gatherStep  = 2 * time.Millisecond
	gatherSteps = 8
)

// Copy moves what git writes to w: without reading it where w can take it from
// the pipe. It flushes whenever the source pauses, so that progress is seen as
// it happens and a large pack goes out in large pieces.
func Copy(w io.Writer, r io.Reader) error {
	taker, ok := w.(keep.Taker)
	pipe, isFile := r.(*os.File)
	if !isFile {
		return copyFlushing(w, r, func(int) {})
	}
	sum := 0
	for ok {
		most := pieceBytes - sum%pieceBytes
		if sum >= gatherAfter {
			awaitMore(pipe, most)
		}
		n, err := taker.Take(pipe, most)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, keep.ErrUntaken):
			ok = false
		case err != nil:
			return err
		}
		sum += n
	}
	return copyFlushing(w, pipe, func(n int) {
		if sum += n; sum >= gatherAfter {
			awaitMore(pipe, pieceBytes)
		}
	})
}

// awaitMore waits until there are n bytes in the pipe, or no more come for the
// moment.
func awaitMore(pipe *os.File, n int) {
	last := -1
	for range gatherSteps {
		now := waiting(pipe)
		if now >= n || now <= last {
			return
		}
		last = now
		time.Sleep(gatherStep)
	}
}

// copyFlushing copies and flushes, and calls after with the size of each piece.
func copyFlushing(w io.Writer, r io.Reader, after func(n int)) error {
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
			after(n)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
