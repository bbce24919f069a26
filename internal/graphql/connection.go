package graphql

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxPerPage is how many of a list one page may have, as on GitHub.
const maxPerPage = 100

// paging is what every list takes (GraphQL Cursor Connections).
type paging struct {
	First, Last   *int32
	After, Before *string
}

// window is the part of a list that a paging asks for.
type window struct{ skip, limit int }

// window checks the paging as GitHub does and takes its nodes from the query's.
// total is how many there are, or less than 0 where that is not known: then
// only first and after can be asked for.
func (p *paging) window(ctx context.Context, name string, total int) (window, error) {
	n := p.First
	if n == nil {
		n = p.Last
	}
	switch {
	case n == nil:
		return window{}, &failure{"MISSING_PAGINATION_BOUNDARIES", fmt.Sprintf("You must provide a `first` or `last` value to properly paginate the `%s` connection.", name)}
	case p.First != nil && p.Last != nil:
		return window{}, &failure{"UNPROCESSABLE", fmt.Sprintf("Passing both `first` and `last` to paginate the `%s` connection is not supported.", name)}
	case *n < 0 || *n > maxPerPage:
		return window{}, &failure{"EXCESSIVE_PAGINATION", fmt.Sprintf("Requesting %d records on the `%s` connection exceeds the `first` limit of %d records.", *n, name, maxPerPage)}
	case p.First == nil && total < 0:
		return window{}, &failure{"UNPROCESSABLE", fmt.Sprintf("The `%s` connection can't be read from its end. Use `first`.", name)}
	}
	if sessionOf(ctx).nodes.Add(-int64(*n)) < 0 {
		return window{}, &failure{"MAX_NODE_LIMIT_EXCEEDED", fmt.Sprintf("This query asks for more than %d nodes. Ask for fewer at a time.", maxNodes)}
	}
	start, end := 0, total
	if p.After != nil {
		at, err := parseCursor(*p.After)
		if err != nil {
			return window{}, err
		}
		start = at
	}
	if p.Before != nil {
		at, err := parseCursor(*p.Before)
		if err != nil {
			return window{}, err
		}
		if total < 0 || at-1 < end {
			end = at - 1
		}
	}
	limit := int(*n)
	if end >= 0 {
		limit = max(0, min(limit, end-start))
	}
	if p.Last != nil {
		start = max(start, end-limit)
	}
	return window{start, limit}, nil
}

// A cursor names the entry of that number, from 1.
func cursor(n int) string {
	return base64.StdEncoding.EncodeToString([]byte("cursor:" + strconv.Itoa(n)))
}

func parseCursor(s string) (int, error) {
	raw, err := base64.StdEncoding.DecodeString(s)
	rest, ok := strings.CutPrefix(string(raw), "cursor:")
	n, atoi := strconv.Atoi(rest)
	if err != nil || !ok || atoi != nil || n < 1 || n > 1<<30 {
		return 0, &failure{"INVALID_CURSOR_ARGUMENTS", fmt.Sprintf("`%.60s` does not appear to be a valid cursor.", s)}
	}
	return n, nil
}

// connection is a page of a list.
type connection[T any] struct {
	nodes []T
	skip  int
	more  bool
	total int
}

// Nodes are the entries of the page.
func (c *connection[T]) Nodes() *[]T { return &c.nodes }

// TotalCount is how many entries all pages have.
func (c *connection[T]) TotalCount() int32 { return int32(min(c.total, 1<<31-1)) }

// Edges are the entries with their cursors.
func (c *connection[T]) Edges() *[]*edge[T] {
	out := make([]*edge[T], len(c.nodes))
	for i, n := range c.nodes {
		out[i] = &edge[T]{cursor(c.skip + i + 1), n}
	}
	return &out
}

// PageInfo says where the page stands.
func (c *connection[T]) PageInfo() pageInfo {
	p := pageInfo{next: c.more, previous: c.skip > 0}
	if n := len(c.nodes); n > 0 {
		p.start, p.end = cursor(c.skip+1), cursor(c.skip+n)
	}
	return p
}

// page is the connection of one window of a list that is known whole.
func page[T any](all []T, w window) *connection[T] {
	start := min(w.skip, len(all))
	end := min(start+w.limit, len(all))
	return &connection[T]{nodes: all[start:end], skip: start, more: end < len(all), total: len(all)}
}

type edge[T any] struct {
	cursor string
	node   T
}

// Cursor names the entry.
func (e edge[T]) Cursor() string { return e.cursor }

// Node is the entry.
func (e edge[T]) Node() T { return e.node }

type pageInfo struct {
	next, previous bool
	start, end     string
}

// HasNextPage reports whether entries follow.
func (p pageInfo) HasNextPage() bool { return p.next }

// HasPreviousPage reports whether entries come before.
func (p pageInfo) HasPreviousPage() bool { return p.previous }

// StartCursor names the first entry.
func (p pageInfo) StartCursor() *string { return optional(p.start) }

// EndCursor names the last entry.
func (p pageInfo) EndCursor() *string { return optional(p.end) }

// turn makes a page of the list's reverse of a page of the list.
func (c *connection[T]) turn() {
	slices.Reverse(c.nodes)
	c.more, c.skip = c.skip > 0, c.total-c.skip-len(c.nodes)
}
