package run

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"jeton/internal/gitstore/object"
	"jeton/internal/problem"
)

// maxLogTokens bounds how much of a log is read.
const maxLogTokens = 4 << 20

// ScanRaw calls f for each path that a log names, with its mode and id after the
// change, until f returns false.
func ScanRaw(r io.Reader, f func(object.ID, object.File) bool) error {
	return ScanLines(r, func(commit object.ID, line, path string) bool { return f(commit, rawFile(line, path)) })
}

// ScanLines reads what git log -z --raw --format=%x01%H prints and calls f for
// each changed path, with its raw line, until f returns false. A path follows its
// raw line, so that no name of a file can be taken for anything else.
func ScanLines(r io.Reader, f func(commit object.ID, line, path string) bool) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var id object.ID
	for range maxLogTokens {
		token, err := in.ReadString(0)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		token = strings.TrimPrefix(token[:len(token)-1], "\n")
		switch {
		case token == "":
		case token[0] == 1:
			id = object.ID(token[1:])
		case token[0] == ':':
			path, err := in.ReadString(0)
			if errors.Is(err, io.EOF) {
				return nil // the process was ended between two tokens
			}
			if err != nil {
				return err
			}
			if !f(id, token, path[:len(path)-1]) {
				return nil
			}
		default:
			return errors.New("git log printed something unexpected")
		}
	}
	return problem.New(problem.TooLarge, "the history is too large to look through", "")
}

// rawFile reads a raw line of git diff: for n parents there are n colons, n+1
// modes and n+1 ids, of which the last are the result's.
func rawFile(line, path string) object.File {
	parents := len(line) - len(strings.TrimLeft(line, ":"))
	fields := strings.Fields(line[parents:])
	f := object.File{Path: path}
	if len(fields) >= 2*parents+2 {
		f.Mode, _ = object.ParseMode(fields[parents])
		f.ID = object.ID(fields[2*parents+1])
	}
	return f
}
