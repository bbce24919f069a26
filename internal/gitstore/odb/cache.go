package odb

import (
	"container/list"
	"sync"

	"jeton/internal/gitstore/object"
)

// cache keeps objects that others are deltas of, up to a number of bytes. What
// was used last stays.
type cache struct {
	max int64

	mu    sync.Mutex
	bytes int64
	items map[cacheKey]*list.Element
	order *list.List // of *cached; the front was used last
}

type cacheKey struct {
	pack   uint64
	offset int64
}

type cached struct {
	key  cacheKey
	kind object.Kind
	data []byte
}

// overhead is about what an entry takes beside its data.
const overhead = 200

func newCache(bytes int64) *cache {
	return &cache{max: bytes, items: map[cacheKey]*list.Element{}, order: list.New()}
}

func (c *cache) get(k cacheKey) (object.Kind, []byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[k]
	if !ok {
		return "", nil, false
	}
	c.order.MoveToFront(e)
	v := e.Value.(*cached)
	return v.kind, v.data, true
}

func (c *cache) add(k cacheKey, kind object.Kind, data []byte) {
	size := int64(len(data)) + overhead
	if size > c.max/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.items[k]; ok {
		return
	}
	c.items[k] = c.order.PushFront(&cached{k, kind, data})
	for c.bytes += size; c.bytes > c.max; {
		e := c.order.Back()
		v := c.order.Remove(e).(*cached)
		delete(c.items, v.key)
		c.bytes -= int64(len(v.data)) + overhead
	}
}
