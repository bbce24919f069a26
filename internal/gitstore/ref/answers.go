package ref

import (
	"bytes"
	"compress/gzip"
	"slices"
	"strconv"
	"sync"

	"jeton/internal/gitstore/wire"
)

const (
	// keepFrom is how many refs an answer has at least if it is kept: a shorter
	// one is made as quickly as it is found.
	keepFrom = 256
	// keepMost bounds how many answers a snapshot keeps. git asks in few forms; what
	// was not asked for longest goes for what a stranger thinks of.
	keepMost = 6
	// gzipFrom is how long an answer is at least if it is compressed.
	gzipFrom = 64 << 10
)

// kept is an answer that was asked for, made once for all who ask.
type kept struct {
	once   sync.Once
	plain  []byte
	zip    sync.Once
	zipped []byte
	of     *Snapshot // nil for an answer that is not kept
	weight int64     // bytes; guarded by of.mu
}

// gzip compresses by the quickest level: half of an answer are ids, which none
// makes smaller than half.
func (k *kept) gzip() []byte {
	k.zip.Do(func() {
		var b bytes.Buffer
		b.Grow(len(k.plain) * 5 / 8)
		w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // fails for a level that does not exist
		_, _ = w.Write(k.plain)                         // a buffer takes everything
		_ = w.Close()
		k.zipped = b.Bytes()
		k.weigh(len(k.zipped))
	})
	return k.zipped
}

// weigh counts n more bytes of an answer, unless it had to go meanwhile.
func (k *kept) weigh(n int) {
	if k.of == nil {
		return
	}
	k.of.mu.Lock()
	defer k.of.mu.Unlock()
	if slices.ContainsFunc(k.of.kept, func(e keptAs) bool { return e.kept == k }) {
		k.weight += int64(n)
		k.of.answers.Add(int64(n))
	}
}

// keptAs is an answer with what was asked.
type keptAs struct {
	key string
	*kept
}

func (k *kept) body() wire.Body {
	b := wire.Body{Plain: k.plain}
	if len(k.plain) >= gzipFrom {
		b.Gzip = k.gzip
	}
	return b
}

// answer returns the long answer that is kept under key, or makes it.
func (s *Snapshot) answer(key string, build func() []byte) wire.Body {
	k := s.keptFor(key)
	k.once.Do(func() {
		k.plain = slices.Clip(build())
		k.weigh(cap(k.plain))
	})
	return k.body()
}

func (s *Snapshot) keptFor(key string) *kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.IndexFunc(s.kept, func(e keptAs) bool { return e.key == key }); i >= 0 {
		k := s.kept[i]
		s.kept = append(slices.Delete(s.kept, i, i+1), k)
		return k.kept
	}
	if len(s.kept) == keepMost {
		s.answers.Add(-s.kept[0].weight)
		s.kept = slices.Delete(s.kept, 0, 1)
	}
	k := &kept{of: s}
	s.kept = append(s.kept, keptAs{key, k})
	return k
}

// Advertisement returns the state as the protocol tells it.
func (s *Snapshot) Advertisement() wire.Advertisement {
	return wire.Advertisement{Format: s.Format, Head: s.Head, Refs: s.list}
}

// Upload returns the answer to a discovery for upload-pack.
func (s *Snapshot) Upload(v wire.Version, offer wire.Offer) wire.Body {
	ad := s.Advertisement()
	if v == wire.V2 {
		return wire.Body{Plain: ad.AppendV2Caps(make([]byte, 0, 256), offer)}
	}
	build := func() []byte { return ad.AppendUpload(wire.ServiceHead(nil, wire.UploadPack), v, offer) }
	if len(s.list) < keepFrom || offer.Counted {
		return wire.Body{Plain: build()}
	}
	return s.answer("upload "+strconv.Itoa(int(v)), build)
}

// Receive returns the answer to a discovery for receive-pack, which has no
// version 2.
func (s *Snapshot) Receive(v wire.Version) wire.Body {
	if v == wire.V2 {
		v = wire.V0 // git expects this
	}
	ad := s.Advertisement()
	build := func() []byte { return ad.AppendReceive(wire.ServiceHead(nil, wire.ReceivePack), v) }
	if len(s.list) < keepFrom {
		return wire.Body{Plain: build()}
	}
	return s.answer("receive "+strconv.Itoa(int(v)), build)
}

// LsRefs answers an ls-refs.
func (s *Snapshot) LsRefs(q *wire.LsRefs) wire.Body {
	ad := s.Advertisement()
	spans, n := ad.Spans(q)
	build := func() []byte { return ad.AppendLsRefs(nil, q, spans) }
	if n >= keepFrom {
		if key := lsKey(q); key != "" {
			return s.answer(key, build)
		}
	}
	return (&kept{plain: build()}).body()
}

// lsKey is equal for queries with equal answers, and empty for those that are
// unlike what git asks for.
func lsKey(q *wire.LsRefs) string {
	if len(q.Prefixes) > 8 {
		return ""
	}
	prefixes := slices.Clone(q.Prefixes)
	slices.Sort(prefixes)
	key := "ls-refs"
	for _, flag := range []bool{q.Peel, q.Symrefs, q.Unborn} {
		key += " " + strconv.FormatBool(flag)
	}
	for _, p := range slices.Compact(prefixes) {
		key += strconv.Quote(p) // a prefix may hold any byte
	}
	if len(key) > 1024 {
		return ""
	}
	return key
}
