package graphql

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	gql "github.com/graph-gophers/graphql-go"
	gqlerrors "github.com/graph-gophers/graphql-go/errors"

	"jeton/internal/event"
	"jeton/internal/gate"
	"jeton/internal/problem"
	"jeton/internal/right"
)

// answered is an answer in GitHub's form, whose errors have a type.
type answered struct {
	Data       json.RawMessage `json:"data,omitempty"`
	Errors     []typed         `json:"errors,omitempty"`
	Extensions map[string]any  `json:"extensions,omitempty"`
}

type typed struct {
	Type       string               `json:"type,omitempty"`
	Path       []any                `json:"path,omitempty"`
	Extensions map[string]any       `json:"extensions,omitempty"`
	Locations  []gqlerrors.Location `json:"locations,omitempty"`
	Message    string               `json:"message"`
}

// write sends what a query gave. Whatever went wrong within it, the status is
// 200, as GitHub has it.
func write(w http.ResponseWriter, r *http.Request, out *gql.Response) error {
	a := answered{Data: out.Data, Extensions: out.Extensions}
	for _, e := range out.Errors {
		a.Errors = append(a.Errors, typedOf(r.Context(), e))
	}
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(body)
	return err
}

func typedOf(ctx context.Context, e *gqlerrors.QueryError) typed {
	out := typed{Path: e.Path, Locations: e.Locations, Message: e.Message, Extensions: e.Extensions}
	if e.ResolverError == nil {
		return out
	}
	if f, ok := errors.AsType[*failure](e.ResolverError); ok {
		out.Type, out.Message = f.kind, f.message
		return out
	}
	if errors.Is(e.ResolverError, context.DeadlineExceeded) {
		out.Type, out.Message = "RESOURCE_LIMITS_EXCEEDED", "The query took longer than "+within.String()+". Ask for less."
		return out
	}
	p := problem.Of(e.ResolverError)
	out.Type, out.Message = kinds[p.Kind], strings.TrimSpace(p.Public+" "+strings.Join(strings.Fields(p.Remedy), " "))
	if d, ok := errors.AsType[*gate.Denied](e.ResolverError); ok && d.Reason == right.GrantMissing && len(d.Scopes) > 0 {
		out.Type = "INSUFFICIENT_SCOPES"
	}
	if p.Kind == problem.Internal || p.Public == "" {
		event.From(ctx).Add(slog.String("err", e.ResolverError.Error()))
		out.Type, out.Message = "INTERNAL", "Something went wrong while executing your query. Tell your administrator the request id in the header X-GitHub-Request-Id."
	}
	return out
}

var kinds = map[problem.Kind]string{
	problem.Invalid:         "UNPROCESSABLE",
	problem.Unauthenticated: "UNAUTHENTICATED",
	problem.Forbidden:       "FORBIDDEN",
	problem.NotFound:        "NOT_FOUND",
	problem.Conflict:        "UNPROCESSABLE",
	problem.TooMany:         "RATE_LIMITED",
	problem.Unavailable:     "SERVICE_UNAVAILABLE",
	problem.TooLarge:        "RESOURCE_LIMITS_EXCEEDED",
}

// failure is an error with GitHub's type and words.
type failure struct{ kind, message string }

// Error returns the words.
func (f *failure) Error() string { return f.message }

func notFound(message string) error { return &failure{"NOT_FOUND", message} }
