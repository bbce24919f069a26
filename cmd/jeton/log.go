package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// logDelay is how long a line may wait for others: a system call for each line
// costs more than the line. A crash loses at most that much.
const logDelay = 100 * time.Millisecond

// gathered is a writer that writes several lines at once.
type gathered struct {
	mu      sync.Mutex
	out     *bufio.Writer // guarded by mu
	waiting bool          // a flush is due; guarded by mu
}

func gather(w io.Writer) *gathered { return &gathered{out: bufio.NewWriterSize(w, 64<<10)} }

// Write implements io.Writer.
func (g *gathered) Write(line []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.waiting {
		g.waiting = true
		time.AfterFunc(logDelay, g.flush)
	}
	return g.out.Write(line)
}

func (g *gathered) flush() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = false
	_ = g.out.Flush() // nobody can be told that the log can't be written
}

// prompt is a handler that has what is worse than usual written at once.
type prompt struct {
	slog.Handler
	lines *gathered
}

// Handle implements slog.Handler.
func (p prompt) Handle(ctx context.Context, r slog.Record) error {
	err := p.Handler.Handle(ctx, r)
	if r.Level > slog.LevelInfo {
		p.lines.flush()
	}
	return err
}

// WithAttrs implements slog.Handler.
func (p prompt) WithAttrs(attrs []slog.Attr) slog.Handler {
	return prompt{p.Handler.WithAttrs(attrs), p.lines}
}

// WithGroup implements slog.Handler.
func (p prompt) WithGroup(name string) slog.Handler {
	return prompt{p.Handler.WithGroup(name), p.lines}
}

// logger is the log on standard error. flush writes what still waits.
func (c *call) logger() (log *slog.Logger, flush func()) {
	o := &slog.HandlerOptions{Level: c.config.LogLevel}
	lines := gather(c.stderr)
	var h slog.Handler = slog.NewTextHandler(lines, o)
	if c.json || c.config.LogFormat == "json" {
		h = slog.NewJSONHandler(lines, o)
	}
	return slog.New(prompt{h, lines}), lines.flush
}
