package push

import (
	"bytes"
	"testing"
	"time"

	"jeton/internal/gitstore/wire"
)

// TestAnswer_noBeatAfterClose: a tick that comes with the end writes nothing,
// since the response is somebody else's by then.
func TestAnswer_noBeatAfterClose(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := newAnswer(&out)
	a.begin(wire.Caps{"side-band-64k"})
	a.open()
	defer a.close()
	a.beat(time.Now().Add(time.Minute))
	if got := out.String(); got != "0005\x01" {
		t.Errorf("while the work goes on: %q", got)
	}
	a.close()
	a.beat(time.Now().Add(time.Hour))
	if got := out.String(); got != "0005\x01" {
		t.Errorf("after the end: %q", got)
	}
}
