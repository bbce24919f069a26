package change

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"jeton/internal/problem"
)

// maxSocketPath is what every Unix takes as a socket's name.
const maxSocketPath = 100

// listen opens the socket by which other processes say that they recorded a
// change. What is said is not read: it only makes us read the database, where
// the changes are. It returns nil when there is no socket.
func (b *Bus) listen() (*net.UnixConn, error) {
	path := b.o.Socket
	if path == "" {
		return nil, nil
	}
	if len(path) > maxSocketPath {
		b.o.Log.Warn("the data folder's path is too long for a socket; changes of commands are found by polling", "longest", maxSocketPath)
		return nil, nil
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, problem.Wrap(err, problem.Unavailable, "The socket in the data folder cannot be made.",
			"Keep the data folder on a local disk that the user who runs jeton may write to.")
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("protect the socket: %w", err)
	}
	return conn, nil
}

// removeStale removes a socket that nobody listens at any more. It removes
// nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the socket: %w", err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return problem.New(problem.Conflict, "Something that is no socket has the socket's name in the data folder.", "Move "+path+" away.")
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err == nil {
		_ = conn.Close()
		return problem.New(problem.Conflict, "Another process listens at the socket in the data folder.", "Stop the other jeton first.")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("try the socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the stale socket: %w", err)
	}
	return nil
}

func (b *Bus) hear(conn *net.UnixConn) {
	defer os.Remove(b.o.Socket)
	buf := make([]byte, 16)
	for {
		if _, _, err := conn.ReadFromUnix(buf); err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			b.o.Log.Warn("the socket in the data folder failed; changes of commands are found by polling", "err", err)
			return
		}
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

// poke wakes the server, if this process isn't it. Nobody listening is no
// error, and neither is a full queue: then the server is about to read anyway.
func (b *Bus) poke() {
	if b.o.Socket == "" || b.started.Load() || len(b.o.Socket) > maxSocketPath {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: b.o.Socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	_, _ = conn.Write([]byte{1})
}
