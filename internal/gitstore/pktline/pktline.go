// Package pktline reads and writes git's pkt-lines: the frames that all of
// git's protocols are made of. It must never read past the frame that it was
// asked for, so that a pack may follow the last one.
package pktline

import (
	"errors"
	"io"
	"strconv"
)

// MaxPayload is the longest content of one frame.
const MaxPayload = 65516

// Kind tells a data frame from the special ones.
type Kind uint8

// The kinds of frame.
const (
	Data        Kind = iota
	Flush            // 0000
	Delim            // 0001
	ResponseEnd      // 0002
)

// ErrMalformed means that the input is not made of pkt-lines.
var ErrMalformed = errors.New("malformed pkt-line")

// Reader reads frames. It buffers nothing beyond the frame it returns.
type Reader struct {
	r   io.Reader
	buf []byte // grows with the frames: most are short
}

// NewReader returns a Reader on r.
func NewReader(r io.Reader) *Reader { return &Reader{r: r, buf: make([]byte, 256)} }

// Next returns the next frame. The payload is valid until the next call. At a
// clean end of input the error is io.EOF.
func (r *Reader) Next() (Kind, []byte, error) {
	head := r.buf[:4]
	if _, err := io.ReadFull(r.r, head); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = ErrMalformed
		}
		return Data, nil, err
	}
	n, ok := Length(head)
	switch {
	case !ok:
		return Data, nil, ErrMalformed
	case n < 3:
		return Flush + Kind(n), nil, nil
	case n == 3, n > MaxPayload+4:
		return Data, nil, ErrMalformed
	}
	if n > len(r.buf) {
		r.buf = make([]byte, min(2*n, MaxPayload+4))
	}
	payload := r.buf[4:n]
	if _, err := io.ReadFull(r.r, payload); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = ErrMalformed
		}
		return Data, nil, err
	}
	return Data, payload, nil
}

// Line is Next for a text frame: one trailing newline is cut.
func (r *Reader) Line() (Kind, string, error) {
	kind, payload, err := r.Next()
	if n := len(payload); n > 0 && payload[n-1] == '\n' {
		payload = payload[:n-1]
	}
	return kind, string(payload), err
}

// Length reads the head of a frame, its first four bytes: how long it is with them,
// or less than four for the special ones.
func Length(head []byte) (int, bool) {
	n := 0
	for _, c := range head[:4] {
		d := hexDigit(c)
		if d < 0 {
			return 0, false
		}
		n = n<<4 | d
	}
	return n, true
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// Append appends one data frame to b. It panics when the payload is too long:
// callers write lines whose length they checked.
func Append(b []byte, payload string) []byte {
	return Frame(append(append(b, "0000"...), payload...), len(b))
}

// Frame writes the head of a data frame into b, where the four bytes from start
// on were left for it and the payload follows to the end. It panics when that is
// too long, as Append does.
func Frame(b []byte, start int) []byte {
	n := len(b) - start
	if n > MaxPayload+4 {
		panic("pktline: payload too long")
	}
	const digits = "0123456789abcdef"
	b[start], b[start+1], b[start+2], b[start+3] = digits[n>>12&15], digits[n>>8&15], digits[n>>4&15], digits[n&15]
	return b
}

// AppendFlush appends a flush frame.
func AppendFlush(b []byte) []byte { return append(b, "0000"...) }

// AppendDelim appends a delimiter frame.
func AppendDelim(b []byte) []byte { return append(b, "0001"...) }

// AppendError appends the ERR frame by which a server ends a conversation.
func AppendError(b []byte, message string) []byte {
	return Append(b, "ERR "+message[:min(len(message), 1000)])
}

// Band is a channel of the side-band protocol.
type Band byte

// The bands.
const (
	BandData     Band = 1
	BandProgress Band = 2
	BandError    Band = 3
)

// BandSize is the longest frame of side-band-64k, with its head.
const BandSize = MaxPayload + 4

// AppendBand appends data on a band, cut into frames of at most size bytes
// with their head; size is BandSize for side-band-64k.
func AppendBand(b []byte, band Band, size int, data []byte) []byte {
	for len(data) > 0 {
		n := min(len(data), size-5)
		head := strconv.FormatInt(int64(n+5), 16)
		b = append(b, "0000"[len(head):]...)
		b = append(b, head...)
		b = append(b, byte(band))
		b = append(b, data[:n]...)
		data = data[n:]
	}
	return b
}
