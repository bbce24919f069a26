package meter

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// burner burns time in a grandchild that ends, says with the shell's own word
// how much, and waits.
const burner = `sh -c 'sh -c "i=0; while [ \$i -lt 400000 ]; do i=\$((i+1)); done"; times'; echo; read end`

// TestGroup_CPU: what a child of a child burnt is in the sum, in both ways of
// counting.
func TestGroup_CPU(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"cgroup", "proc"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			g, err := NewGroup("test-" + way)
			if err != nil {
				t.Fatal(err)
			}
			if way == "cgroup" && !g.Exact() {
				t.Skip("no control group can be made here")
			}
			if way == "proc" && g.Exact() {
				folder := g.folder
				t.Cleanup(func() { _ = (&Group{folder: folder}).Stop(0) })
				g.folder = ""
			}
			out, _, stop := start(t, g, burner)
			defer stop()
			said := spent(t, out)
			got, err := g.CPU()
			if err != nil {
				t.Fatal(err)
			}
			// The shell counts in ticks, and the two starts are not in its sum.
			if got < said-30*time.Millisecond || got > said*5/4+60*time.Millisecond {
				t.Errorf("CPU() = %v, the shell says %v", got, said)
			}
			if m, err := g.Memory(); err != nil || m.Anonymous < 50<<10 || m.Anonymous > 50<<20 || m.Shared < m.Anonymous {
				t.Errorf("Memory() = %+v, %v", m, err)
			}
			if n, known := g.Started(); known && n != 2 {
				t.Errorf("Started() = %d, want 2", n)
			}
		})
	}
}

// TestGroup_Stop: nothing of a group outlives it, not even a child that went
// its own way.
func TestGroup_Stop(t *testing.T) {
	t.Parallel()
	g, err := NewGroup("test-stop")
	if err != nil {
		t.Fatal(err)
	}
	if !g.Exact() {
		t.Skip("no control group can be made here")
	}
	out, _, stop := start(t, g, `trap '' TERM; setsid sh -c 'echo $$; exec sleep 1000' & wait`)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	stop()
	pid, _ := strconv.Atoi(line[:len(line)-1])
	if s, err := readStat(pid); err == nil && s.state != "Z" {
		t.Errorf("process %d is still there: %+v", pid, s)
	}
}

// TestGroup_Peak sees memory that is gone again when it is asked.
func TestGroup_Peak(t *testing.T) {
	t.Parallel()
	g, err := NewGroup("test-peak")
	if err != nil {
		t.Fatal(err)
	}
	out, in, stop := start(t, g, `read go; head -c 40000000 /dev/zero | tail -c 30000000 | wc -c; read end`)
	defer stop()
	peak := g.Peak()
	if _, err := in.WriteString("go\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if most := peak(); most < 25<<20 {
		t.Errorf("the peak is %d bytes", most)
	}
}

// start starts a shell in g: what it prints, what it reads, and its end.
func start(t *testing.T, g *Group, script string) (*bufio.Reader, *os.File, func()) {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	in, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout = in, out
	err = g.Start(cmd)
	_, _ = in.Close(), out.Close()
	if err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(outR), inW, func() {
		_, _ = inW.Close(), outR.Close()
		if err := g.Stop(0); err != nil {
			t.Error(err)
		}
	}
}

// spent reads what the shell's word times prints, up to the empty line: its own
// time, then its children's, and returns the sum.
func spent(t *testing.T, r *bufio.Reader) time.Duration {
	t.Helper()
	var sum time.Duration
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\n" {
			return sum
		}
		for _, m := range regexp.MustCompile(`(\d+)m([\d.]+)s`).FindAllStringSubmatch(line, -1) {
			d, err := time.ParseDuration(m[1] + "m" + m[2] + "s")
			if err != nil {
				t.Fatal(err)
			}
			sum += d
		}
	}
}
