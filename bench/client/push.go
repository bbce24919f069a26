package client

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ReceivePack is the service that takes pushes.
const ReceivePack = "git-receive-pack"

// Push is the body that makes refs and sends their pack. Real git compares each
// pushed ref with each other one over HTTP, and takes minutes of its own for
// 50,000; this is what it would send in the end.
func Push(refs []Ref, pack []byte) []byte {
	var b bytes.Buffer
	for i, r := range refs {
		line := strings.Repeat("0", len(r.ID)) + " " + r.ID + " " + r.Name
		if i == 0 {
			line += "\x00 report-status object-format=sha1 agent=git/2.39.5"
		}
		pkt(&b, line)
	}
	b.WriteString("0000")
	b.Write(pack)
	return b.Bytes()
}

// Pushed reads the answer to Push and fails unless it says ok for n refs.
func Pushed(body []byte, n int) error {
	good := 0
	for len(body) >= 4 {
		size, err := strconv.ParseUint(string(body[:4]), 16, 16)
		if err != nil || int(size) > len(body) {
			return fmt.Errorf("the report is no pkt-line: %.200q", body)
		}
		if size < 4 {
			break
		}
		switch line := strings.TrimSpace(string(body[4:size])); {
		case strings.HasPrefix(line, "ok "):
			good++
		case line != "unpack ok":
			return errors.New(line)
		}
		body = body[size:]
	}
	if good != n {
		return fmt.Errorf("%d of %d refs were taken", good, n)
	}
	return nil
}
