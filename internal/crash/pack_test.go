package crash

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"testing"
)

// pack is a pack that is written by hand.
type pack struct {
	t    testing.TB
	buf  bytes.Buffer
	z    *zlib.Writer
	n    uint32
	last int // where the last entry begins
}

// The kinds of entries.
const (
	aCommit = 1
	aTree   = 2
	aBlob   = 3
	aTag    = 4
	aDelta  = 6 // of an entry before it
)

func newPack(t testing.TB) *pack {
	p := &pack{t: t}
	p.z, _ = zlib.NewWriterLevel(&p.buf, zlib.BestSpeed)
	p.buf.Write(make([]byte, 12))
	return p
}

// head begins an entry that claims a size.
func (p *pack) head(kind int, size uint64) (at int) {
	at = p.buf.Len()
	c := byte(kind<<4) | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		p.buf.WriteByte(c | 0x80)
		c = byte(size & 0x7f)
	}
	p.buf.WriteByte(c)
	p.n++
	return at
}

func (p *pack) deflate(data []byte) {
	p.z.Reset(&p.buf)
	_, err := p.z.Write(data)
	if err == nil {
		err = p.z.Close()
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// add adds an object and returns its id.
func (p *pack) add(kind int, data []byte) (id string) {
	p.last = p.head(kind, uint64(len(data)))
	p.deflate(data)
	return idOf([...]string{aCommit: "commit", aTree: "tree", aBlob: "blob", aTag: "tag"}[kind], data)
}

func idOf(kind string, data []byte) string {
	h := sha1.New()
	_, _ = fmt.Fprintf(h, "%s %d\x00", kind, len(data))
	_, _ = h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

// delta adds a delta of the last entry.
func (p *pack) delta(data []byte) {
	base := p.last
	p.last = p.head(aDelta, uint64(len(data)))
	back := uint64(p.last - base)
	enc := []byte{byte(back & 0x7f)}
	for back >>= 7; back > 0; back >>= 7 {
		back--
		enc = append([]byte{byte(back&0x7f) | 0x80}, enc...)
	}
	p.buf.Write(enc)
	p.deflate(data)
}

func varint(n uint64) []byte { return binary.AppendUvarint(nil, n) }

// twice is the delta that makes of a base the same two times.
func twice(size int) []byte {
	out := append(varint(uint64(size)), varint(uint64(2*size))...)
	for range 2 {
		for at := 0; at < size; at += 1 << 16 {
			n := min(1<<16, size-at)
			out = append(out, 0x80|0x0f|0x30, byte(at), byte(at>>8), byte(at>>16), byte(at>>24), byte(n), byte(n>>8))
			if n == 1<<16 { // which is what a size of zero means
				out = append(out[:len(out)-7], 0x80|0x0f, byte(at), byte(at>>8), byte(at>>16), byte(at>>24))
			}
		}
	}
	return out
}

func (p *pack) reader() io.Reader {
	b := p.buf.Bytes()
	copy(b, "PACK\x00\x00\x00\x02")
	binary.BigEndian.PutUint32(b[8:], p.n)
	sum := sha1.Sum(b)
	return io.MultiReader(bytes.NewReader(b), bytes.NewReader(sum[:]))
}

func tree(entries ...string) []byte { // mode, name, id
	var b bytes.Buffer
	for i := 0; i < len(entries); i += 3 {
		raw, _ := hex.DecodeString(entries[i+2])
		b.WriteString(entries[i] + " " + entries[i+1] + "\x00")
		b.Write(raw)
	}
	return b.Bytes()
}

const signature = "Ada Example <ada@example.com> 1700000000 +0000\n"

func commitOf(tree, parents, message string) []byte {
	return []byte("tree " + tree + "\n" + parents + "author " + signature + "committer " + signature + "\n" + message)
}
