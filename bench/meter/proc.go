package meter

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc/PID/stat: USER_HZ is 100 on Linux.
const tick = 10 * time.Millisecond

// stat is what /proc/PID/stat says.
type stat struct {
	state    string // Z: ended, and nobody has asked for it yet
	parent   int
	own      time.Duration // user and system
	children time.Duration // of those that ended and were waited for
}

func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The name stands in brackets and may hold anything, brackets too.
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(f) < 15 {
		return stat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	n := func(i int) time.Duration { v, _ := strconv.ParseInt(f[i], 10, 64); return time.Duration(v) }
	return stat{state: f[0], parent: int(n(1)), own: (n(11) + n(12)) * tick, children: (n(13) + n(14)) * tick}, nil
}

// procCPU adds up the processes that live. What has ended is in its parent's
// children, if the parent waited for it.
func (g *Group) procCPU() (time.Duration, error) {
	pids, err := g.descendants()
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, pid := range pids {
		s, err := readStat(pid)
		if err != nil {
			continue // it has just ended: its parent has it
		}
		sum += s.children
		if own, ok := scheduled(pid); ok {
			sum += own
		} else {
			sum += s.own
		}
	}
	return sum, nil
}

// scheduled is the time of a process's threads to the nanosecond. A thread that
// ended is missing, so it is a bound from below for programs that end threads;
// the ticks then say more.
func scheduled(pid int) (time.Duration, bool) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return 0, false
	}
	var sum time.Duration
	for _, t := range tasks {
		text, err := os.ReadFile(t)
		if err != nil {
			return 0, false
		}
		first, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, false
		}
		sum += time.Duration(n)
	}
	return sum, true
}

// descendants returns the group's programs and all that came from them.
func (g *Group) descendants() ([]int, error) {
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	parent := map[int]int{}
	for _, n := range names {
		pid, err := strconv.Atoi(filepath.Base(n))
		if err != nil {
			continue
		}
		if s, err := readStat(pid); err == nil {
			parent[pid] = s.parent
		}
	}
	var out []int
	for pid := range parent {
		for at, hops := pid, 0; at > 1 && hops < 64; at, hops = parent[at], hops+1 {
			if g.has(at) {
				out = append(out, pid)
				break
			}
		}
	}
	return out, nil
}

func (g *Group) has(pid int) bool {
	for _, c := range g.cmds {
		if c.Process.Pid == pid {
			return true
		}
	}
	return false
}
