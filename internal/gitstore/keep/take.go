package keep

import (
	"errors"
	"io"
	"os"
)

// ErrUntaken says that bytes must be read and written: they can't go to the
// answer's file without the program's seeing them.
var ErrUntaken = errors.New("the bytes of the pipe were not taken")

// Taker is the writer that a Source's Make gets, when it can take bytes from a
// pipe by itself.
type Taker interface {
	io.Writer
	// Take moves what there is in the pipe, at most n bytes, to the answer, and
	// waits for the first of them. It returns io.EOF at the pipe's end and
	// ErrUntaken, with all still in the pipe, when the caller must read and
	// write instead, from then on.
	Take(pipe *os.File, n int) (int, error)
}

// Take implements Taker.
func (f *flight) Take(pipe *os.File, n int) (int, error) {
	if !f.keeping(int64(n)) {
		return 0, ErrUntaken
	}
	moved, err := splice(f.file, pipe, n) // only this goroutine writes
	f.mu.Lock()
	f.reserved -= int64(n - moved)
	f.size += int64(moved)
	f.end = f.size
	if moved > 0 {
		f.tell()
	}
	f.mu.Unlock()
	f.cache.giveBack(f.by, int64(n-moved))
	if err != nil && !errors.Is(err, io.EOF) {
		// A disk that takes no more is found out, and told, by Write.
		return 0, ErrUntaken
	}
	return moved, err
}
