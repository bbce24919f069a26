// Package graphql is the door of GitHub's GraphQL API at /api/graphql, as far as
// this host has something behind it. The schema is schema.graphql; each of its
// fields is a method of the same name. Every repository that an answer speaks of
// comes from the gate or from a list that holds the gate's rule. The door never
// decides about rights, and accepts no cookies.
package graphql

import (
	"context"
	_ "embed" // the schema
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	gql "github.com/graph-gophers/graphql-go"
	gqlerrors "github.com/graph-gophers/graphql-go/errors"

	"jeton/internal/account"
	"jeton/internal/commitstatus"
	"jeton/internal/db"
	"jeton/internal/event"
	"jeton/internal/gate"
	"jeton/internal/gitstore"
	"jeton/internal/httpkit"
	"jeton/internal/lifecycle"
	"jeton/internal/limit"
	"jeton/internal/org"
	"jeton/internal/problem"
	"jeton/internal/release"
	"jeton/internal/repo"
	"jeton/internal/right"
)

// Path is where GitHub's clients look for GraphQL on a host of one's own.
const Path = "/api/graphql"

// The bounds of one query, beside the caller's rate limit.
const (
	maxBody       = 1 << 20
	maxQuery      = 64 << 10 // bytes of the query's text
	maxDepth      = 20
	maxSelections = 5_000
	maxNodes      = 10_000   // things in lists that a query may ask for
	maxFields     = 200_000  // that an answer has
	maxWords      = 32 << 20 // bytes of texts of any length in an answer
	maxAlias      = 100      // bytes of a name that a field gets in the answer
	maxIDs        = 100      // of one list, as on GitHub
	maxParallel   = 4
	within        = 10 * time.Second
)

//go:embed schema.graphql
var schemaText string

// Options are what the door needs. All but Log and Now are required.
type Options struct {
	DB        *db.DB
	Gate      *gate.Gate
	Accounts  *account.Room
	Orgs      *org.Room
	Repos     *repo.Room
	Git       *gitstore.Store
	Lifecycle *lifecycle.Flow
	Releases  *release.Room
	Statuses  *commitstatus.Room
	// Enter identifies the caller and counts the request, as for the REST API,
	// before it is answered, and words what goes wrong until then.
	Enter func(func(http.ResponseWriter, *http.Request, *right.Actor) error) http.Handler
	// State is the caller's rate limit; ok is false where there is none.
	State func(r *http.Request, actor *right.Actor) (limit, remaining int, reset time.Time, ok bool)
	Log   *slog.Logger
	Now   func() time.Time
}

// Door answers GraphQL.
type Door struct {
	o      Options
	schema *gql.Schema
	mux    *http.ServeMux
	routes []httpkit.RouteInfo
	busy   *limit.Gate
}

// New builds the door. It panics when the schema and its methods differ: such a
// program does not start.
func New(o Options) *Door {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Door{o: o, mux: http.NewServeMux(), busy: limit.NewGate(limit.GateOptions{PerKey: 16, Total: 128})}
	d.schema = gql.MustParseSchema(schemaText, &root{d}, gql.MaxDepth(maxDepth), gql.MaxQueryLength(maxQuery), gql.MaxSelections(maxSelections),
		gql.MaxParallelism(maxParallel), gql.Logger(panics{o.Log}), gql.DisableFieldSelections(), gql.UseFieldResolvers(), gql.Tracer(counter{}))
	d.routes = httpkit.Register(d.mux, "graphql", []httpkit.Route[func(*Door) http.Handler]{
		{Method: http.MethodPost, Path: Path, Action: right.SelfRead, Handle: (*Door).answer},
	}, func(r httpkit.Route[func(*Door) http.Handler]) http.Handler { return r.Handle(d) })
	return d
}

// Routes lists the table, for the tests that walk every route.
func (d *Door) Routes() []httpkit.RouteInfo { return d.routes }

// ServeHTTP implements http.Handler.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

// question is a query as clients send it.
type question struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
}

func (d *Door) answer() http.Handler {
	return d.o.Enter(func(w http.ResponseWriter, r *http.Request, actor *right.Actor) error {
		if err := d.o.Gate.Check(actor, right.SelfRead); err != nil {
			return err
		}
		q, err := ask(w, r)
		if err != nil {
			return err
		}
		leave, err := d.busy.Enter(actor.Login)
		if err != nil {
			return err
		}
		defer leave()
		ctx, cancel := context.WithTimeout(r.Context(), within)
		defer cancel()
		s := newSession(*actor, r)
		out := d.schema.Exec(context.WithValue(ctx, sessionKey{}, s), q.Query, q.OperationName, q.Variables)
		d.o.Gate.Listed(actor)
		switch {
		case s.fields.Load() < 0:
			out = &gql.Response{Errors: []*gqlerrors.QueryError{{ResolverError: errTooMuch}}}
		case errors.Is(ctx.Err(), context.DeadlineExceeded): // the library gives up in its own words
			out = &gql.Response{Errors: []*gqlerrors.QueryError{{ResolverError: context.DeadlineExceeded}}}
		}
		return write(w, r, out)
	})
}

// ask reads the question.
func ask(w http.ResponseWriter, r *http.Request) (question, error) {
	var q question
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return q, problem.New(problem.TooLarge, "The body is larger than 1 MiB.", "")
	}
	if err == nil {
		err = json.Unmarshal(body, &q)
	}
	if err != nil {
		return q, problem.New(problem.Invalid, "Problems parsing JSON", `Send an object like {"query": "{ viewer { login } }"}.`)
	}
	if strings.TrimSpace(q.Query) == "" {
		return q, problem.New(problem.Invalid, "A query attribute must be specified and must be a string.", "")
	}
	if longAlias.MatchString(q.Query) {
		return q, problem.New(problem.Invalid, "A name in the query is longer than 100 characters.", "")
	}
	return q, nil
}

// panics sends what the library catches to our log.
type panics struct{ log *slog.Logger }

// LogPanic implements the library's Logger.
func (p panics) LogPanic(ctx context.Context, value any) {
	event.From(ctx).Add(slog.Any("panic", value))
	p.log.ErrorContext(ctx, "a resolver of GraphQL panicked", "value", value)
}
