package db

import (
	"slices"
	"strconv"
	"strings"
)

// batch is how many numbers one question names, within what both engines take.
const batch = 500

// Batches calls ask for some of ids after the other, with the list of placeholders
// from $1 on that goes between the brackets of IN (…), and their arguments. It ends
// with the first error.
func Batches[T ~int64](ids []T, ask func(in string, args []any) error) error {
	for some := range slices.Chunk(ids, batch) {
		args, marks := make([]any, len(some)), make([]string, len(some))
		for i, one := range some {
			args[i], marks[i] = int64(one), "$"+strconv.Itoa(i+1)
		}
		if err := ask(strings.Join(marks, ", "), args); err != nil {
			return err
		}
	}
	return nil
}
