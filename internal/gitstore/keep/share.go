package keep

import "container/list"

// share is what the answers of one maker take: see Source.By.
type share struct {
	bytes  int64      // of whole answers and of those that are being made
	recent *list.List // of *entry, the last used first
}

// take counts bytes of a maker's, or gives them back when n is negative. The
// caller holds mu.
func (c *Cache) take(by string, n int64) {
	c.used += n
	s := c.share(by)
	if s.bytes += n; s.bytes == 0 && s.recent.Len() == 0 {
		delete(c.shares, by)
	}
}

func (c *Cache) share(by string) *share {
	s := c.shares[by]
	if s == nil {
		s = &share{recent: list.New()}
		c.shares[by] = s
	}
	return s
}

// victim is what goes to make room for n more bytes of a maker's: whatever was
// not used for longest, but of the maker's own as soon as these take half of the
// cache. So nobody pushes out more than half of what others have asked for, with
// how many odd requests ever, and an answer that takes more than half stays only
// where nothing else needs the room. Nil says that there is no room to be made. The
// caller holds mu.
func (c *Cache) victim(by string, n int64) *entry {
	from, bytes, entries := c.recent, n, 0
	if s := c.shares[by]; s != nil {
		bytes, entries = bytes+s.bytes, s.recent.Len()
	}
	if bytes > c.o.Bytes/2 || entries >= maxEntries/2 {
		if entries == 0 {
			return nil
		}
		from = c.shares[by].recent
	}
	if last := from.Back(); last != nil {
		return last.Value.(*entry)
	}
	return nil
}

// reserve takes n more bytes for a maker, for which it evicts others. It reports
// whether there is room.
func (c *Cache) reserve(by string, n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.used+n > c.o.Bytes || len(c.entries) >= maxEntries {
		e := c.victim(by, n)
		if e == nil {
			return false
		}
		c.counts.Evicted++
		c.drop(e)
	}
	c.take(by, n)
	return true
}

func (c *Cache) giveBack(by string, n int64) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.take(by, -n)
}
