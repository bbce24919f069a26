package gitstore

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"jeton/internal/gitstore/object"
)

// objectInfo is what cat-file says of an object.
type objectInfo struct {
	ID      object.ID
	Kind    object.Kind
	Size    int64
	Missing bool
}

// catFile is one git cat-file --batch-command. It is for one goroutine.
type catFile struct {
	p   *process
	out *bufio.Reader
}

// catFile starts one. The environment may point it to a quarantine.
func (r *Repo) catFile(ctx context.Context, env []string) (*catFile, error) {
	p, err := r.store.start(ctx, r.dir, command{name: "cat-file", flags: []flag{"--batch-command"}, pipeIn: true, env: env})
	if err != nil {
		return nil, err
	}
	return &catFile{p: p, out: bufio.NewReaderSize(p.stdout, 64<<10)}, nil
}

func (c *catFile) close() { c.p.stop() }

func (c *catFile) fail(err error) error {
	if cause := c.p.ctx.Err(); cause != nil {
		return readError(cause)
	}
	return fmt.Errorf("git cat-file: %w: %s", err, c.p.tail.String())
}

func (c *catFile) head() (objectInfo, error) {
	line, err := c.out.ReadString('\n')
	if err != nil {
		return objectInfo{}, c.fail(err)
	}
	f := strings.Fields(line)
	if len(f) == 2 && (f[1] == "missing" || f[1] == "ambiguous") {
		return objectInfo{Missing: true}, nil
	}
	if len(f) != 3 {
		return objectInfo{}, c.fail(fmt.Errorf("unexpected answer %q", line))
	}
	id, ok := object.ParseID(f[0])
	size, err := strconv.ParseInt(f[2], 10, 64)
	if !ok || err != nil {
		return objectInfo{}, c.fail(fmt.Errorf("unexpected answer %q", line))
	}
	return objectInfo{ID: id, Kind: object.Kind(f[1]), Size: size}, nil
}

// batch asks for many objects at once, with a suffix such as "^{}" after each
// id, and calls f for each in order. ids is gone through twice at a time.
func (c *catFile) batch(ids iter.Seq[object.ID], suffix string, f func(object.ID, objectInfo)) error {
	return c.many("info ", ids, suffix, func(id object.ID, in objectInfo) error {
		f(id, in)
		return nil
	})
}

func (c *catFile) many(verb string, ids iter.Seq[object.ID], suffix string, f func(object.ID, objectInfo) error) error {
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		w := bufio.NewWriterSize(c.p.stdin, 32<<10)
		for id := range ids {
			if _, err := w.WriteString(verb + string(id) + suffix + "\n"); err != nil {
				return // the reader below sees it too
			}
		}
		_ = w.Flush()
	}()
	defer func() { <-asked }() // nobody goes through ids any more then
	for id := range ids {
		in, err := c.head()
		if err == nil {
			err = f(id, in)
		}
		if err != nil {
			_ = killGroup(c.p.cmd.Process)
			_ = c.p.stdin.Close()
			return err
		}
	}
	return nil
}
