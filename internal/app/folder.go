package app

import (
	"os"

	"jeton/internal/problem"
)

func mkdir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return problem.Wrap(err, problem.Invalid, "the data folder can't be made", "Give --data a folder in which this user may write.")
	}
	return nil
}
