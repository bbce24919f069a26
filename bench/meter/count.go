package meter

import (
	"encoding/binary"
	"os/exec"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// counter hears from the kernel which process starts another (the process
// events connector), and counts those that come from the watched ones.
type counter struct {
	fd         int
	quit, done chan struct{}

	mu   sync.Mutex
	tree map[uint32]bool // the watched processes and what came from them
	n    int
}

// The numbers are those of linux/connector.h and linux/cn_proc.h.
const (
	cnIdxProc     = 1
	procFork      = 0x00000001
	procExit      = 0x80000000
	listen        = uint32(1)
	netlinkHeader = 16
	cnHeader      = 20
)

func newCounter() (*counter, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: cnIdxProc}); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
	m := make([]byte, netlinkHeader+cnHeader+4)
	o := binary.NativeEndian
	o.PutUint32(m[0:], uint32(len(m)))
	o.PutUint16(m[4:], unix.NLMSG_DONE)
	o.PutUint32(m[netlinkHeader:], cnIdxProc)
	o.PutUint32(m[netlinkHeader+4:], 1) // CN_VAL_PROC
	o.PutUint16(m[netlinkHeader+16:], 4)
	o.PutUint32(m[netlinkHeader+cnHeader:], listen)
	if err := unix.Send(fd, m, 0); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	c := &counter{fd: fd, quit: make(chan struct{}), done: make(chan struct{}), tree: map[uint32]bool{}}
	go c.keepUp()
	return c, nil
}

// keepUp empties the socket now and then, so that it never overflows.
func (c *counter) keepUp() {
	defer close(c.done)
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-c.quit:
			return
		case <-every.C:
			c.value()
		}
	}
}

// value reads what the kernel has put into the socket by now. It does so while
// a process starts, so that a start before the call is in the number.
func (c *counter) value() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	buf := make([]byte, 4<<10)
	for {
		n, err := unix.Read(c.fd, buf)
		if err == unix.EINTR || err == unix.ENOBUFS {
			continue
		}
		if err != nil || n < netlinkHeader+cnHeader+32 {
			return c.n
		}
		c.event(buf[netlinkHeader+cnHeader : n])
	}
}

// event takes one event: what, cpu, time (8), then for a fork the parent's
// thread and process and the child's, for an exit the thread and the process.
func (c *counter) event(b []byte) {
	o := binary.NativeEndian
	at := func(i int) uint32 { return o.Uint32(b[16+4*i:]) }
	switch o.Uint32(b) {
	case procFork:
		parent, child, process := at(1), at(2), at(3)
		if child == process && c.tree[parent] { // else a thread, or somebody else's
			c.tree[child] = true
			c.n++
		}
	case procExit:
		if at(0) == at(1) {
			delete(c.tree, at(0))
		}
	}
}

// start starts cmd and watches it. Nothing is read meanwhile: what the new
// process starts before it is watched stays in the socket until it is.
func (c *counter) start(cmd *exec.Cmd) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	c.tree[uint32(cmd.Process.Pid)] = true
	return nil
}

func (c *counter) Close() error {
	close(c.quit)
	<-c.done
	return unix.Close(c.fd)
}
