package problem_test

import (
	"errors"
	"fmt"
	"testing"

	"jeton/internal/problem"
)

func TestError_text(t *testing.T) {
	t.Parallel()
	cause := errors.New("stat x: no such file or directory")
	for want, err := range map[string]error{
		"It can't be opened: stat x: no such file or directory":           problem.Wrap(cause, problem.Invalid, "It can't be opened.", "Look."),
		"It can't be opened: stat x: no such file or directory.":          problem.Wrap(cause, problem.Invalid, "It can't be opened: "+cause.Error()+".", "Look."),
		"Not done: it can't be opened: stat x: no such file or directory": problem.Wrap(problem.Wrap(cause, problem.Invalid, "it can't be opened.", ""), problem.Invalid, "Not done.", ""),
		"Not done: while trying: stat x: no such file or directory":       problem.Wrap(fmt.Errorf("while trying: %w", cause), problem.Invalid, "Not done.", ""),
		"It can't be opened.":               problem.New(problem.Invalid, "It can't be opened.", ""),
		"stat x: no such file or directory": &problem.Error{Err: cause},
	} {
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
