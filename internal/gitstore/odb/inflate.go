package odb

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"sync"
)

var errInflate = fmt.Errorf("%w: compressed data is malformed", ErrCorrupt)

type inflater struct {
	src bytes.Reader
	z   io.ReadCloser
}

// inflaters keeps decompressors between uses: each has buffers of 40 KiB.
type inflaters struct{ pool sync.Pool }

func (p *inflaters) get(src []byte) (*inflater, error) {
	f, _ := p.pool.Get().(*inflater)
	if f == nil {
		f = &inflater{}
	}
	f.src.Reset(src)
	if f.z == nil {
		z, err := zlib.NewReader(&f.src)
		if err != nil {
			return nil, errInflate
		}
		f.z = z
		return f, nil
	}
	if err := f.z.(zlib.Resetter).Reset(&f.src, nil); err != nil {
		return nil, errInflate
	}
	return f, nil
}

// inflate fills dst from the zlib stream that src begins with, which must hold
// exactly as much.
func (p *inflaters) inflate(dst, src []byte) error {
	f, err := p.get(src)
	if err != nil {
		return err
	}
	defer p.pool.Put(f)
	if _, err := io.ReadFull(f.z, dst); err != nil {
		return errInflate
	}
	var one [1]byte
	if n, err := f.z.Read(one[:]); n != 0 || err != io.EOF {
		return errInflate
	}
	return nil
}

// head fills as much of dst as the stream holds.
func (p *inflaters) head(dst, src []byte) (int, error) {
	f, err := p.get(src)
	if err != nil {
		return 0, err
	}
	defer p.pool.Put(f)
	n, err := io.ReadFull(f.z, dst)
	if err == io.ErrUnexpectedEOF {
		err = nil
	}
	return n, err
}
