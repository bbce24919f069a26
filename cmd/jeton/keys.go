package main

import (
	"fmt"
	"io"

	"jeton/internal/app"
	"jeton/internal/audit"
	"jeton/internal/right"
)

const keysListUsage = `Usage: jeton keys list [--json] [--data DIR] [--keys DIR]

List the server keys that are in use. The keys themselves are not shown.
`

type keyJSON struct {
	ID      int64 `json:"id"`
	Current bool  `json:"current"`
}

func keysList(c *call) error {
	if err := c.parse(0, 0); err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		list := []keyJSON{}
		for _, n := range k.Keys.Live() {
			list = append(list, keyJSON{n, n == k.Keys.Current()})
		}
		return c.print(list, func(io.Writer) {
			c.table("KEY\tSTATE", len(list), func(w io.Writer, i int) {
				state := "still read"
				if list[i].Current {
					state = "current"
				}
				_, _ = fmt.Fprintf(w, "%d\t%s\n", list[i].ID, state)
			})
		})
	})
}

const keysRotateUsage = `Usage: jeton keys rotate [--json] [--data DIR] [--keys DIR]

Make a new server key the current one. What was digested or sealed under the old
key stays good, and moves to the new key when it is next used. Back up the
folder of the keys afterwards.
`

func keysRotate(c *call) error {
	if err := c.parse(0, 0); err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		n, err := k.Keys.Rotate(c.ctx)
		if err != nil {
			return err
		}
		err = k.Audit.RecordAlone(c.ctx, audit.Entry{Action: "site.rotate_keys", Actor: right.Operator(), Target: fmt.Sprintf("key %d", n)})
		if err != nil {
			return err
		}
		return c.print(keyJSON{n, true}, func(w io.Writer) { _, _ = fmt.Fprintf(w, "key %d is current; back up %s\n", n, c.config.Keys) })
	})
}
