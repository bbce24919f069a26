package crash

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// call is one system call that a trace saw.
type call struct {
	name       string
	path       string // of the file; where a rename comes from
	to         string // where a rename goes to
	text       string // the line
	begun, end int    // places in the trace
}

// trace follows the system calls of a running server and of what it starts.
type trace struct {
	cmd    *exec.Cmd
	done   sync.WaitGroup
	disk   string      // where git runs
	each   func(*call) // called for each call that begins; may be nil
	calls  []*call
	open   map[string]*call // begun and not ended, by thread
	marker int
}

// watched are the calls that change what is on the disk, or tell the client.
const watched = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,write,pwrite64,writev,sendto"

// follow attaches strace to the server. It returns once every thread is traced.
func (h *host) follow(t *testing.T, each func(*call)) *trace {
	t.Helper()
	program, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: make deps installs it")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	tr := &trace{disk: h.disk, each: each, open: map[string]*call{}}
	tr.cmd = exec.CommandContext(t.Context(), program, "-f", "-yy", "-s", "2000", "-e", "trace="+watched, "-o", "/dev/fd/3", "-p", strconv.Itoa(h.cmd.Process.Pid))
	tr.cmd.ExtraFiles = []*os.File{w}
	stderr, err := tr.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	said := bufio.NewReader(stderr)
	line, err := said.ReadString('\n')
	if err != nil || !strings.Contains(line, "attached") {
		t.Fatalf("strace: %q, %v", line, err)
	}
	tr.done.Go(func() {
		for err == nil {
			_, err = said.ReadString('\n')
		}
	})
	tr.done.Go(func() {
		defer r.Close()
		lines := bufio.NewReader(r)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			tr.read(strings.TrimSpace(line))
		}
	})
	return tr
}

// stop detaches, and returns what was seen.
func (tr *trace) stop() []*call {
	_ = tr.cmd.Process.Signal(syscall.SIGINT)
	// It may wait for ever for a thread that is starting a program.
	late := time.AfterFunc(2*time.Second, func() { _ = tr.cmd.Process.Kill() })
	tr.done.Wait()
	late.Stop()
	_ = tr.cmd.Wait()
	return tr.calls
}

var (
	callLine    = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)
	resumedLine = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>`)
	fdPath      = regexp.MustCompile(`^(?:\d+|AT_FDCWD)<([^>]*(?:->[^>]*)?)>`)
	quoted      = regexp.MustCompile(`(?:(?:\d+|AT_FDCWD)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"`)
)

func (tr *trace) read(line string) {
	tr.marker++
	if m := resumedLine.FindStringSubmatch(line); m != nil {
		if c := tr.open[m[1]]; c != nil {
			c.end = tr.marker
			c.text += " " + line // with the result: a call that failed made nothing
			delete(tr.open, m[1])
		}
		return
	}
	m := callLine.FindStringSubmatch(line)
	if m == nil {
		return
	}
	c := &call{name: m[2], text: line, begun: tr.marker, end: tr.marker}
	if strings.HasSuffix(line, "<unfinished ...>") {
		c.end = 1 << 30
		tr.open[m[1]] = c
	}
	switch {
	case strings.HasPrefix(c.name, "rename"), strings.HasPrefix(c.name, "link"), strings.HasPrefix(c.name, "unlink"), strings.HasPrefix(c.name, "mkdir"), c.name == "rmdir":
		names := quoted.FindAllStringSubmatch(m[3], 2)
		if len(names) > 0 {
			c.path = tr.joined(names[0])
		}
		if len(names) > 1 {
			c.to = tr.joined(names[1])
		}
	default:
		if fd := fdPath.FindStringSubmatch(m[3]); fd != nil {
			c.path = fd[1]
		}
	}
	tr.calls = append(tr.calls, c)
	if tr.each != nil {
		tr.each(c)
	}
}

func (tr *trace) joined(m []string) string {
	switch {
	case filepath.IsAbs(m[2]):
		return filepath.Clean(m[2])
	case m[1] == "":
		return filepath.Join(tr.disk, m[2])
	}
	return filepath.Join(m[1], m[2])
}
