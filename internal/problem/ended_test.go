package problem_test

import (
	"context"
	"errors"
	"testing"

	"jeton/internal/problem"
)

func TestEnded(t *testing.T) {
	t.Parallel()
	reason, other := problem.New(problem.Forbidden, "no longer", ""), errors.New("other")
	shut, end := context.WithCancelCause(t.Context())
	end(reason)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for name, c := range map[string]struct {
		ctx       context.Context
		err, want error
	}{
		"shut out":              {shut, context.Canceled, reason},
		"shut out, all is well": {shut, nil, nil},
		"the client went":       {gone, other, other},
		"over its time":         {late, other, other},
		"another failure":       {t.Context(), other, other},
	} {
		if got := problem.Ended(c.ctx, c.err); !errors.Is(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
