package gitstore

import (
	"bufio"
	"strings"
	"testing"
)

// TestCatFile_ambiguous: the beginning of an id that several objects share
// names none of them; it is no failure of the server.
func TestCatFile_ambiguous(t *testing.T) {
	t.Parallel()
	c := &catFile{p: &process{ctx: t.Context()}, out: bufio.NewReader(strings.NewReader("0123456^{commit} ambiguous\n"))}
	if in, err := c.head(); err != nil || !in.Missing {
		t.Errorf("got %+v, %v", in, err)
	}
}
