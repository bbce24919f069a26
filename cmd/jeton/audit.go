package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"jeton/internal/app"
	"jeton/internal/audit"
	"jeton/internal/chain"
	"jeton/internal/id"
	"jeton/internal/problem"
)

const auditVerifyUsage = `Usage: jeton audit verify [--head HEAD|FILE] [--json] [--data DIR] [--keys DIR]

Check the security log and the uses of tokens for lines that were changed,
removed or put in. Ends with 1 when something was found. It reads and changes
nothing, and may run beside the server.

  --head H   what "jeton audit head" printed before, or a file that holds it:
             without one, lines that were cut off at the end are not missed
`

func auditVerify(c *call) error {
	from := c.flags.String("head", "", "")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	var saved *chain.Head
	if *from != "" {
		text := *from
		if b, err := os.ReadFile(*from); err == nil { // a head has a colon and 64 digits: no file is named so by chance
			text = string(b)
		}
		h, err := chain.ParseHead(text)
		if err != nil {
			return &misuse{problem.Of(err)}
		}
		saved = &h
	}
	return c.with(func(k *app.Core) error {
		r, err := k.Chain.Verify(c.ctx, saved)
		if err != nil {
			return err
		}
		if err := c.print(r, func(w io.Writer) { printReport(w, &r, saved) }); err != nil {
			return err
		}
		if n := len(r.Findings) + r.More; n > 0 {
			return problem.New(problem.Conflict, fmt.Sprintf("the logs are not as they were written: %d found", n), "Keep the database as it is, and compare with a backup: docs/operations.md says how.")
		}
		return nil
	})
}

func printReport(w io.Writer, r *chain.Report, saved *chain.Head) {
	for _, f := range r.Findings {
		_, _ = fmt.Fprintln(w, f)
	}
	if r.More > 0 {
		_, _ = fmt.Fprintf(w, "and %d more\n", r.More)
	}
	if r.Begun.IsZero() {
		_, _ = fmt.Fprintln(w, "There is no chain yet: the server makes it when it starts.")
		return
	}
	_, _ = fmt.Fprintf(w, "%d links, %d lines removed by a rule, %d to be linked\n", r.Links, r.Trimmed, r.Waiting)
	_, _ = fmt.Fprintf(w, "begun %s with %d lines from before, as they were found then\n", r.Begun.Format(time.RFC3339), r.TakenIn)
	_, _ = fmt.Fprintf(w, "head %s\n", r.Head)
	if saved == nil && len(r.Findings) == 0 {
		_, _ = fmt.Fprintln(w, "Nothing was changed, removed or put in. Whether the end was cut off can be told only with --head.")
	} else if len(r.Findings) == 0 {
		_, _ = fmt.Fprintln(w, "Nothing was changed, removed, put in or cut off.")
	}
}

const auditHeadUsage = `Usage: jeton audit head [--json] [--data DIR]

Print the end of the logs' chain, to be saved on another machine. With it "jeton
audit verify" finds out later whether lines were cut off.
`

func auditHead(c *call) error {
	if err := c.parse(0, 0); err != nil {
		return err
	}
	return c.with(func(k *app.Core) error {
		if err := k.Chain.Seal(c.ctx); err != nil {
			return err
		}
		h, _, err := k.Chain.Head(c.ctx)
		if err != nil {
			return err
		}
		return c.print(h, func(w io.Writer) { _, _ = fmt.Fprintln(w, h) })
	})
}

const auditExportUsage = `Usage: jeton audit export [LOGIN] [--token ID] [--csv] [--data DIR]

Print the security log, or that of one account, as JSON lines, newest first.

  --token ID  instead: each use of a token of LOGIN, and what happened to it
  --csv       as CSV, harmless to spreadsheets
`

func auditExport(c *call) error {
	of := c.flags.String("token", "", "")
	table := c.flags.Bool("csv", false, "")
	if err := c.parse(0, 1); err != nil {
		return err
	}
	format := audit.JSONLines
	if *table {
		format = audit.CSV
	}
	tid, ok := id.Parse[id.Token](*of)
	if *of != "" && (!ok || len(c.args) == 0) {
		return usageError("--token takes a token's id, beside its owner's login", "\"jeton token list LOGIN\" shows the ids.")
	}
	return c.with(func(k *app.Core) error {
		q := audit.Query{Whole: len(c.args) == 0}
		if !q.Whole {
			a, err := c.user(k, c.args[0])
			if err != nil {
				return err
			}
			q.Account = a.ID
		}
		if *of == "" {
			return k.Audit.Export(c.ctx, c.stdout, format, q)
		}
		found, err := k.Tokens.ByIDs(c.ctx, k.DB, []id.Token{tid})
		if err != nil {
			return err
		}
		if t, ok := found[tid]; !ok || t.Account != q.Account {
			return problem.New(problem.NotFound, fmt.Sprintf("%s has no token %d", c.args[0], tid), "\"jeton token list "+c.args[0]+"\" shows the tokens.")
		}
		return k.Ledger.Export(c.ctx, c.stdout, format, q.Account, tid)
	})
}
