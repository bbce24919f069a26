package pktline

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReader(t *testing.T) {
	t.Parallel()
	in := string(AppendDelim(AppendFlush(Append(Append(nil, "hello\n"), "")))) + "0002" + "0005xPACK"
	r := NewReader(strings.NewReader(in))
	for _, want := range []struct {
		kind Kind
		line string
	}{{Data, "hello"}, {Data, ""}, {Flush, ""}, {Delim, ""}, {ResponseEnd, ""}, {Data, "x"}} {
		kind, line, err := r.Line()
		if err != nil || kind != want.kind || line != want.line {
			t.Fatalf("got %v %q %v, want %+v", kind, line, err, want)
		}
	}
	if rest, _ := io.ReadAll(r.r); string(rest) != "PACK" {
		t.Errorf("read past the frame: %q is left", rest)
	}
	for _, bad := range []string{"0003", "000", "zzzz", "0010short", "fff1", "ffff", "-001"} {
		if _, _, err := NewReader(strings.NewReader(bad)).Next(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, _, err := NewReader(strings.NewReader("")).Next(); !errors.Is(err, io.EOF) {
		t.Errorf("end: %v", err)
	}
}

func TestAppendBand(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("x"), 200_000)
	r := NewReader(bytes.NewReader(AppendBand(nil, BandProgress, 65520, data)))
	var got []byte
	for {
		_, p, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || p[0] != byte(BandProgress) {
			t.Fatalf("%v %v", p[0], err)
		}
		got = append(got, p[1:]...)
	}
	if !bytes.Equal(got, data) {
		t.Errorf("got %d bytes", len(got))
	}
}

// What is read is written again as it was, save for the case of the length.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"", "0000", "0005a", "0006a\n0000", "00010002", "0004", "ffff", "0003", "000x", "0032want 1212121212121212121212121212121212121212\n0000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := NewReader(strings.NewReader(s))
		var out []byte
		for {
			kind, p, err := r.Next()
			if err != nil {
				break
			}
			switch kind {
			case Data:
				out = Append(out, string(p))
			case Flush:
				out = AppendFlush(out)
			case Delim:
				out = AppendDelim(out)
			case ResponseEnd:
				out = append(out, "0002"...)
			}
		}
		if !strings.EqualFold(string(out), s[:len(out)]) {
			t.Errorf("%q became %q", s, out)
		}
	})
}
