package graphql

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	gqlerrors "github.com/graph-gophers/graphql-go/errors"
	"github.com/graph-gophers/graphql-go/introspection"

	"jeton/internal/right"
)

// session is one query's caller and what is left of its bounds. A field can be
// asked for again and again under other names, so that what a query says bounds
// nothing of what its answer holds in memory.
type session struct {
	actor  right.Actor
	r      *http.Request
	nodes  atomic.Int64 // that may still be asked for
	fields atomic.Int64 // that the answer may still have
	words  atomic.Int64 // bytes of texts that the answer may still have
	owners sync.Map     // accounts by number
}

func newSession(actor right.Actor, r *http.Request) *session {
	s := &session{actor: actor, r: r}
	s.nodes.Store(maxNodes)
	s.fields.Store(maxFields)
	s.words.Store(maxWords)
	return s
}

type sessionKey struct{}

func sessionOf(ctx context.Context) *session { return ctx.Value(sessionKey{}).(*session) }

var errTooMuch = &failure{"RESOURCE_LIMITS_EXCEEDED", "The answer to this query would be too large. Ask for less at a time."}

// words takes a text of any length out of what the answer may have.
func words(ctx context.Context, text string) (string, error) {
	if sessionOf(ctx).words.Add(-int64(len(text))) < 0 {
		return "", errTooMuch
	}
	return strings.ToValidUTF8(text, "\uFFFD"), nil
}

// optionalWords is words where an empty text is null.
func optionalWords(ctx context.Context, text string) (*string, error) {
	text, err := words(ctx, text)
	return optional(text), err
}

// longAlias finds a name of more than maxAlias bytes that a field gets.
var longAlias = regexp.MustCompile(`[_A-Za-z][_0-9A-Za-z]{100}[_0-9A-Za-z]*[\s,]*:`)

// counter counts the fields of an answer. Once there are too many, none is
// resolved any more.
type counter struct{}

// over is a context that has ended.
func over(ctx context.Context) context.Context {
	ctx, end := context.WithCancel(ctx)
	end()
	return ctx
}

// TraceQuery implements the library's Tracer.
func (counter) TraceQuery(ctx context.Context, _, _ string, _ map[string]any, _ map[string]*introspection.Type) (context.Context, func([]*gqlerrors.QueryError)) {
	return ctx, func([]*gqlerrors.QueryError) {}
}

// TraceField implements the library's Tracer.
func (counter) TraceField(ctx context.Context, _, _, _ string, _ bool, _ map[string]any) (context.Context, func(*gqlerrors.QueryError)) {
	if ctx.Err() == nil && sessionOf(ctx).fields.Add(-1) < 0 {
		ctx = over(ctx)
	}
	return ctx, func(*gqlerrors.QueryError) {}
}
