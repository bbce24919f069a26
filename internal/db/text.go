package db

import (
	"context"
	"database/sql"
	"strings"
	"sync"
)

// cacheSize bounds the texts and statements that are kept. The program's own
// texts are far fewer; only a text that is put together at run time could
// ever fill it.
const cacheSize = 1000

// textCache keeps the SQLite form of each text.
type textCache struct {
	mu    sync.RWMutex
	texts map[string]string
}

func (c *textCache) numbered(query string) string {
	c.mu.RLock()
	out, ok := c.texts[query]
	c.mu.RUnlock()
	if ok {
		return out
	}
	out = numbered(query)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.texts == nil || len(c.texts) >= cacheSize {
		c.texts = make(map[string]string)
	}
	c.texts[query] = out
	return out
}

// numbered rewrites each $N outside of quotes and comments to ?N. SQLite takes
// $N for a name, and drivers differ in how they bind those; ?N is a number
// for all of them.
func numbered(query string) string {
	var b strings.Builder
	b.Grow(len(query))
	for i := 0; i < len(query); {
		n := span(query[i:])
		if query[i] == '$' && n == 1 && i+1 < len(query) && query[i+1] >= '0' && query[i+1] <= '9' {
			b.WriteByte('?')
		} else {
			b.WriteString(query[i : i+n])
		}
		i += n
	}
	return b.String()
}

// span returns the length of the quoted text or comment that s starts with, 1
// for any other character.
func span(s string) int {
	end := func(from int, mark string) int {
		if at := strings.Index(s[from:], mark); at >= 0 {
			return from + at + len(mark)
		}
		return len(s)
	}
	switch {
	case s[0] == '\'':
		return end(1, "'")
	case s[0] == '"':
		return end(1, `"`)
	case strings.HasPrefix(s, "--"):
		return end(2, "\n")
	case strings.HasPrefix(s, "/*"):
		return end(2, "*/")
	}
	return 1
}

// stmtCache keeps prepared statements of the reading pool: preparing costs
// more than half of a point read.
type stmtCache struct {
	mu     sync.RWMutex
	stmts  map[string]*sql.Stmt
	closed bool
}

// get returns the prepared form of query, or nil if it can't be had: the
// caller then runs the text itself and so gets the error.
func (c *stmtCache) get(ctx context.Context, pool *sql.DB, query string, texts *textCache) *sql.Stmt {
	c.mu.RLock()
	s, full := c.stmts[query], len(c.stmts) >= cacheSize || c.closed
	c.mu.RUnlock()
	if s != nil || full {
		return s
	}
	s, err := pool.PrepareContext(ctx, texts.numbered(query))
	if err != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.stmts[query]; other != nil || c.closed {
		_ = s.Close()
		return other
	}
	if c.stmts == nil {
		c.stmts = make(map[string]*sql.Stmt)
	}
	c.stmts[query] = s
	return s
}

func (c *stmtCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.stmts {
		_ = s.Close()
	}
	c.stmts, c.closed = nil, true
}
