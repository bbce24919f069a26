package httpkit

import (
	"io"
	"net/http"
)

// Through returns w, to which everything is written through out: that counts or
// bounds it, and ends in w. An error of it breaks the answer off.
func Through(w http.ResponseWriter, out io.Writer) http.ResponseWriter { return &through{w, out} }

type through struct {
	http.ResponseWriter
	out io.Writer
}

// Write implements io.Writer.
func (t *through) Write(b []byte) (int, error) { return t.out.Write(b) }

// Flush sends what was written so far.
func (t *through) Flush() { _ = http.NewResponseController(t.ResponseWriter).Flush() }

// Unwrap lets http.ResponseController reach the real writer.
func (t *through) Unwrap() http.ResponseWriter { return t.ResponseWriter }
