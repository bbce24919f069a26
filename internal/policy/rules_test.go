package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"jeton/internal/policy"
	"jeton/internal/problem"
)

// TestParseNetworks_many: a form full of networks is refused before they are compared.
func TestParseNetworks_many(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&b, "::%x\n", i)
	}
	begun := time.Now()
	if _, err := policy.ParseNetworks(b.String()); !problem.Is(err, problem.Invalid) || problem.Of(err).Field != "networks" {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it took %v", took)
	}
	list, err := policy.ParseNetworks("192.0.2.7, 192.0.2.7/32\n2001:db8::1/32 " + strings.Repeat("192.0.2.7 ", 1000))
	if err != nil || fmt.Sprint(list) != "[192.0.2.7/32 2001:db8::/32]" {
		t.Errorf("%v, %v", list, err)
	}
}
