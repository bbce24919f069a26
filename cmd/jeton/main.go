// Command jeton is the program: the server and its administrator's commands.
// It turns arguments into calls and errors into exit codes, and holds no rule
// of its own.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(runMain())
}

// runMain ends on the first SIGINT or SIGTERM in good order. The second one
// ends the process at once, as if nobody caught it.
func runMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ())
}
