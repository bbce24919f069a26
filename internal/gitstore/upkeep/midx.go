package upkeep

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"jeton/internal/gitstore/object"
)

// Midx is what upkeep needs to know of a multi-pack index.
type Midx struct {
	checksum string
	Packs    map[string]bool // names without their ending
}

// BitmapFile is the name of the bitmap that belongs to it.
func (m *Midx) BitmapFile() string { return "multi-pack-index-" + m.checksum + ".bitmap" }

var errMidx = errors.New("the multi-pack index is damaged")

// maxMidxPacks bounds what is believed of a file: upkeep keeps far fewer.
const maxMidxPacks = 1 << 20

// ReadMidx reads the names of the packs that a multi-pack index covers, by
// gitformat-pack(5). Without a file it returns nil.
func ReadMidx(packDir string, format object.Format) (*Midx, error) {
	f, err := os.Open(filepath.Join(packDir, "multi-pack-index"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var head [12]byte
	if _, err := f.ReadAt(head[:], 0); err != nil || string(head[:4]) != "MIDX" || head[4] != 1 {
		return nil, errMidx
	}
	chunks, packs := int(head[6]), binary.BigEndian.Uint32(head[8:])
	sum := make([]byte, len(format.Zero())/2)
	if _, err := f.ReadAt(sum, fi.Size()-int64(len(sum))); err != nil || packs > maxMidxPacks {
		return nil, errMidx
	}
	m := &Midx{checksum: hex.EncodeToString(sum), Packs: make(map[string]bool, packs)}
	table := make([]byte, 12*(chunks+1))
	if _, err := f.ReadAt(table, 12); err != nil {
		return nil, errMidx
	}
	for i := range chunks {
		if string(table[12*i:12*i+4]) != "PNAM" {
			continue
		}
		from, to := binary.BigEndian.Uint64(table[12*i+4:]), binary.BigEndian.Uint64(table[12*i+16:])
		if from > to || to > uint64(fi.Size()) {
			return nil, errMidx
		}
		names := make([]byte, to-from)
		if _, err := f.ReadAt(names, int64(from)); err != nil {
			return nil, errMidx
		}
		for name := range bytes.SplitSeq(names, []byte{0}) {
			if pack, ok := strings.CutSuffix(string(name), ".idx"); ok {
				m.Packs[pack] = true
			}
		}
		return m, nil
	}
	return nil, errMidx
}
